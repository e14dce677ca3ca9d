//! What a confirmation says of money: how much is to be paid and how the payment finds its way, and nothing once it is.

use turnout_proto::{
    common::v1::Money,
    events::v1::RegistrationChange,
    notifications::v1::{MessageKind, MessageState},
    registration::v1::{PaymentState, RegistrationState},
};

use crate::{
    bed::{Ground, HOUR_MS, START_MS},
    mail_server::MailServer,
};

const GALA: &str = "gala";

#[tokio::test]
async fn item_10_who_has_to_pay_is_told_how_much_and_what_the_payment_must_name() {
    for (payment, state, told) in [
        (PaymentState::Unpaid, RegistrationState::Registered, true),
        (PaymentState::Unpaid, RegistrationState::Waiting, false),
        (PaymentState::Paid, RegistrationState::Registered, false),
        (PaymentState::NotApplicable, RegistrationState::Registered, false),
    ] {
        let (ground, server) = (Ground::new().await, MailServer::start().await);
        {
            let mut world = ground.world.lock().unwrap();
            let price = Money { amount_minor: 123_450, currency: "EUR".into() };
            world.event(GALA, START_MS + 48 * HOUR_MS).price =
                (payment != PaymentState::NotApplicable).then_some(price);
            let registration = world.register(GALA, "ticket-17", START_MS);
            (registration.payment, registration.state) = (payment.into(), state.into());
        }
        let bed = ground.start(Some(server.url()), None).await;
        bed.registration_changed(GALA, "ticket-17", RegistrationChange::Registered, 1).await;
        bed.message_in(GALA, "ticket-17", MessageKind::Confirmation, &[MessageState::HandedOff]).await;
        let mail = server.mails().remove(0).data;
        let words = "- To be paid: 1,234.50 EUR, with the reference ticket-17";
        assert_eq!(mail.contains(words), told, "{payment:?} {state:?}: {mail}");
        assert_eq!(mail.contains("To be paid"), told, "{payment:?} {state:?}");
    }
}
