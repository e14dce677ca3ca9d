//! Nothing personal is in the open: a person with an unmistakable word in every field goes through every method, and none of the words
//! is in the store's files or in a metric.

use std::{fs, sync::atomic::Ordering};

use turnout_platform::auth::Role;
use turnout_proto::profiles::v1::{
    EnsurePersonRequest, ExportConsentingRequest, ExportPeopleRequest, GetPersonRequest, ListConsentingRequest,
    ListPeopleRequest, VerifyByHandRequest,
};

use crate::{
    bed::{Bed, ensure},
    consents::{granted, of_form, record},
    update::phone_change,
};

const CANARIES: [&str; 5] = ["canaryaddress", "canaryname", "4930901820", "4930901821", "canaryreason"];

#[tokio::test]
async fn item_35_no_word_about_a_person_is_in_a_file_of_the_store_or_in_a_metric() {
    let stage = crate::bed::Stage::embedded().await;
    let bed: Bed = stage.process().await;
    let request = EnsurePersonRequest {
        email: "canaryaddress@example.org".into(),
        name: "canaryname".into(),
        phone: "+4930901820".into(),
        language: "en".into(),
        zone: "Europe/Berlin".into(),
    };
    let person = ensure(&mut bed.mesh(), request).await.unwrap().person.unwrap();
    let (person_id, reason) = (person.person_id.clone(), "canaryreason".to_owned());
    phone_change(&mut bed.mesh(), &person_id, "+4930901821").await.unwrap();
    record(&mut bed.mesh(), &person_id, "1", vec![granted("marketing", "email")]).await.unwrap();
    bed.postbox.away.store(usize::MAX, Ordering::SeqCst);
    record(&mut bed.mesh(), &person_id, "2", vec![of_form("partners", "email")]).await.unwrap();
    let mut owner = bed.member(Role::Owner);
    owner.verify_by_hand(VerifyByHandRequest { person_id: person_id.clone(), reason: reason.clone() }).await.unwrap();
    let search = "canaryname".to_owned();
    let listed = ListPeopleRequest { search: search.clone(), ..ListPeopleRequest::default() };
    assert_eq!(owner.list_people(listed).await.unwrap().into_inner().matching, 1);
    let export = ExportPeopleRequest { search, reason, ..ExportPeopleRequest::default() };
    drop(owner.export_people(export).await.unwrap().into_inner().message().await.unwrap());
    let (purpose, channel) = ("marketing".into(), "email".into());
    let consenting = ListConsentingRequest { purpose, channel, ..ListConsentingRequest::default() };
    assert_eq!(owner.list_consenting(consenting).await.unwrap().into_inner().people.len(), 1);
    let (purpose, channel) = ("marketing".into(), "email".into());
    let export = ExportConsentingRequest { purpose, channel, reason: "canaryreason".into() };
    let part = owner.export_consenting(export).await.unwrap().into_inner().message().await.unwrap().unwrap();
    assert_eq!(part.people.len(), 1);
    let found = owner.get_person(GetPersonRequest { person_id: person_id.clone() }).await.unwrap().into_inner();
    assert_eq!(found.person.unwrap().name, "canaryname", "the canary is there, sealed");

    let mut places = vec![("a metric".to_owned(), bed.metrics.render().into_bytes())];
    for file in fs::read_dir(stage.path()).unwrap() {
        let path = file.unwrap().path();
        places.push((path.display().to_string(), fs::read(path).unwrap()));
    }
    assert!(places.iter().any(|(_, bytes)| contains(bytes, &person_id)), "the rows are in these files");
    for (place, bytes) in places {
        for canary in CANARIES {
            assert!(!contains(&bytes, canary), "{canary} is in {place}");
        }
    }
}

fn contains(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}
