//! One-time sign-in links.

use tonic::{Code, Status};
use turnout_platform::{auth::TokenKind, clock::Clock as _};
use turnout_proto::registration::v1::RedeemSignInLinkRequest;
use turnout_registration::SIGN_IN_LINK_S_MAX;

use crate::bed::{Bed, Client, refused};

const TTL_S: u64 = 900;

async fn redeem(client: &mut Client, token: String) -> Result<String, Status> {
    Ok(client.redeem_sign_in_link(RedeemSignInLinkRequest { token }).await?.into_inner().tenant_id)
}

fn link(bed: &Bed, id: &str, ttl_s: u64) -> String {
    bed.signer.sign(TokenKind::SignIn, "console", bed.clock.at_s(), ttl_s, id.into()).tenant("acme").finish()
}

#[tokio::test]
async fn the_first_use_of_a_link_opens_its_tenant_and_the_second_says_how_to_get_another() {
    let bed = Bed::start().await;
    let mut mesh = bed.mesh(None);
    let token = link(&bed, "one", TTL_S);
    assert_eq!(redeem(&mut mesh, token.clone()).await.unwrap(), "acme");
    let refusal = refused(redeem(&mut mesh, token).await, Code::FailedPrecondition);
    assert!(refusal.message().contains("turnout sign-in-link"), "{refusal:?}");
    assert_eq!(redeem(&mut mesh, link(&bed, "two", TTL_S)).await.unwrap(), "acme");
}

#[tokio::test]
async fn of_many_uses_at_once_exactly_one_opens() {
    let bed = Bed::start().await;
    let token = link(&bed, "one", TTL_S);
    let uses = (0..20).map(|_| {
        let (mut mesh, token) = (bed.mesh(None), token.clone());
        tokio::spawn(async move { redeem(&mut mesh, token).await })
    });
    let mut opened = 0;
    for answer in uses.collect::<Vec<_>>() {
        match answer.await.unwrap() {
            Ok(_) => opened += 1,
            Err(status) => assert_eq!(status.code(), Code::FailedPrecondition),
        }
    }
    assert_eq!(opened, 1);
    let text = bed.metrics.render();
    assert!(text.contains("turnout_registration_sign_in_links_total{outcome=\"redeemed\"} 1"), "{text}");
    assert!(text.contains("turnout_registration_sign_in_links_total{outcome=\"used_before\"} 19"), "{text}");
}

#[tokio::test]
async fn a_link_that_is_over_forged_or_of_another_kind_is_refused() {
    let bed = Bed::start().await;
    let mut mesh = bed.mesh(None);
    let late = link(&bed, "late", TTL_S);
    let used_late = link(&bed, "used late", TTL_S);
    redeem(&mut mesh, used_late.clone()).await.unwrap();
    bed.clock.advance_ms((TTL_S + 60) * 1000);
    let at_s = bed.clock.at_s();
    let console = bed.signer.sign(TokenKind::Console, "console", at_s, TTL_S, "a".into()).tenant("acme").finish();
    let for_nobody = bed.signer.sign(TokenKind::SignIn, "console", at_s, TTL_S, "b".into()).finish();
    let without_id = link(&bed, "", TTL_S);
    let too_long = link(&bed, "c", SIGN_IN_LINK_S_MAX + 1);
    let forged = link(&Bed::start().await, "d", TTL_S);
    let nonsense = "nonsense".to_owned();
    let mut mesh = bed.mesh(None);
    for token in [late, used_late, console, for_nobody, without_id, too_long, forged, nonsense, String::new()] {
        refused(redeem(&mut mesh, token).await, Code::Unauthenticated);
    }
}
