//! Whatever is personal is sealed: after all that may happen to a registration no plain column of any table holds it.

use std::collections::HashMap;

use turnout_proto::registration::v1::{Event, RegisterRequest};

use crate::{
    bed::{Bed, open_tables},
    registering::{cancel, open_event, person, register},
};

#[tokio::test]
async fn item_35_no_file_of_the_store_holds_anything_personal_in_plain() {
    let folder = tempfile::tempdir().unwrap();
    let bed = Bed::on(open_tables(&folder).await).await;
    let mut acme = open_event(&bed, Event { nicknames: true, ..Event::default() }, &["nicknames"]).await;
    let request = RegisterRequest {
        name: "Canaryname Canarylast".into(),
        phone: "+358409998877".into(),
        answers: HashMap::new(),
        ..person("canarymail@example.org")
    };
    let made = register(&mut acme, request.clone()).await.unwrap().registration.unwrap();
    cancel(&mut acme, &made.registration_id).await;
    register(&mut acme, request).await.unwrap();
    let nickname =
        RegisterRequest { event_id: "gala".into(), nickname: "Canarynick".into(), ..RegisterRequest::default() };
    register(&mut acme, nickname).await.unwrap();

    let (mut bytes, mut files) = (0, 0);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let content = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        for canary in ["canary", "9998877"] {
            let found = content.windows(canary.len()).any(|window| window.eq_ignore_ascii_case(canary.as_bytes()));
            assert!(!found, "{canary}");
        }
        (bytes, files) = (bytes + content.len(), files + 1);
    }
    assert!(files > 0 && bytes > 10_000, "{files} files with {bytes} bytes");
    let text = bed.metrics.render();
    assert!(!text.to_lowercase().contains("canary"));
}
