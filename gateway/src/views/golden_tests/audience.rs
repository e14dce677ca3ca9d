//! Who of the audience may be written to, and what the pages say when nobody may.

use turnout_platform::auth::Role;
use turnout_proto::profiles::v1::Person;

use super::{
    super::console::{
        audience::{AudiencePage, PageOfPeople, PeopleTable, PersonColumn, Refusal},
        query::ListQuery,
        shell::{Place, Shell},
    },
    golden, *,
};

fn person() -> Person {
    Person {
        person_id: "p1".into(),
        name: "Anna Andersson".into(),
        email: "anna@example.org".into(),
        phone: "+358401234567".into(),
        language: "fi".into(),
        ..Person::default()
    }
}

fn page(role: Role, channel: &str, people: Option<Vec<Person>>, next: &str) -> AudiencePage {
    let shell = Shell { place: Place::Audience, role, once: 7 };
    let query = ListQuery { purpose: "marketing".into(), channel: channel.into(), ..ListQuery::default() };
    let page = people.map(|people| PageOfPeople { people, next: next.into(), matching: 0, total: 0 });
    let columns = PersonColumn::to_write(channel);
    AudiencePage {
        shell,
        table: PeopleTable { shell, query, columns, page, refusal: None, page_size: 50 },
        notice: None,
    }
}

fn stopped(role: Role) -> AudiencePage {
    let mut page = page(role, "email", None, "");
    let advice = "Marketing is stopped because 3 of the 3 mails were marked as spam.".to_owned();
    let title = "Nobody may be written to about this just now";
    page.table.refusal = Some(Refusal { title, advice, is_stop: true });
    page
}

#[test]
fn item_45_who_may_be_written_to_is_shown_with_what_is_needed_for_it() {
    golden("audience_consenting", &page(Role::Organiser, "email", Some(vec![person()]), "next-token"));
    golden("audience_consenting_none", &page(Role::Organiser, "email", Some(vec![]), ""));
    golden("audience_consenting_stopped", &stopped(Role::Owner));
}

#[test]
fn item_49_each_channel_shows_only_what_it_is_reached_by() {
    for (channel, with_email, with_phone) in
        [("email", true, false), ("sms", false, true), ("social", true, true), ("post", true, true)]
    {
        let html = page(Role::Organiser, channel, Some(vec![person()]), "").render().unwrap();
        assert_eq!(html.contains("anna@example.org"), with_email, "{channel}");
        assert_eq!(html.contains("+358401234567"), with_phone, "{channel}");
        assert!(html.contains(&format!("<option value=\"{channel}\" selected>")), "{channel} stays chosen");
    }
}

#[test]
fn item_45_while_nobody_may_be_written_to_there_is_no_export_and_only_an_owner_is_led_to_the_settings() {
    for (role, is_owner) in [(Role::Owner, true), (Role::Organiser, false)] {
        let html = stopped(role).render().unwrap();
        assert!(html.contains("role=\"alert\"") && html.contains("marked as spam"), "{html}");
        assert!(!html.contains("data-export"), "{role}");
        let (_, list) = html.split_once("id=\"list\"").unwrap();
        assert_eq!(list.contains("href=\"/console/settings\""), is_owner, "{role}");
    }
}
