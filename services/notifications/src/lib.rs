//! Notifications: messages to people. Which there should be (`planner`, `fan_out`), whether each goes out now (`look`, with the gates
//! in `domain`), how it leaves (`transport`), and what became of it (`store`: the ledger). `notices` tells organisers' systems of all
//! this over the same ledger. Who is registered is asked of registration, who they are and what they agreed to of profiles. It keeps no
//! address: these are asked for at the moment of sending, or sealed.
//!
//! `rpc` is the gRPC face, `events` the bus, `worker` goes through what is due. Several processes may run on one cluster: the ledger
//! is the lock. What became of a mail later is told by webhooks of providers and by the mails that servers return (`reports`).

mod actions;
mod audit;
mod complaints;
mod compose;
mod consents;
mod domain;
mod events;
mod fan_out;
mod figures;
mod look;
mod metrics;
mod notices;
mod planner;
mod reports;
mod rpc;
mod store;
pub mod transport;
mod upstream;
mod words;
mod worker;

use std::{path::PathBuf, sync::Arc};

use tonic::transport::Channel;
use turnout_platform::{
    auth::{Access, AccessTable, Credentials, FIGURES, MeshKey, ORGANISERS, OWNERS, SUPPORTERS, codes::Codes},
    bus::durable::{self, Consumer, DurableMetrics, EventKind, SharedDurableBus, all_events},
    clock::Clock,
    lifecycle::Lifecycle,
    limits::{RPC_REQUEST_BYTES_MAX, RPC_RESPONSE_BYTES_MAX},
    outbox::Outbox,
    tables::Tables,
    telemetry::Metrics as Telemetry,
    vault::Vault,
};
use turnout_proto::notifications::v1::notification_service_server::NotificationServiceServer;

pub use store::TABLES;

use self::{
    compose::Composer,
    events::{OnEvent, OnMessage, OnRegistration},
    fan_out::FanOuts,
    figures::FigureReadings,
    look::Looker,
    metrics::Metrics,
    notices::Notices,
    planner::Planner,
    store::{Lane, Store},
    transport::{FolderTransport, MailTransport, Reach, SmsGateway, SmtpTransport, WebhookSender, WrongUrl},
    upstream::Upstream,
    worker::{Hurry, Worker},
};

/// Who may call which method.
pub static ACCESS: AccessTable = &[
    ("/turnout.notifications.v1.NotificationService/SendSecurityMessage", Access::Mesh),
    ("/turnout.notifications.v1.NotificationService/ListMessagesOfRegistrations", Access::Team(FIGURES)),
    ("/turnout.notifications.v1.NotificationService/ListMessagesOfPerson", Access::Team(FIGURES)),
    ("/turnout.notifications.v1.NotificationService/ListMessagesOfEvent", Access::Team(FIGURES)),
    ("/turnout.notifications.v1.NotificationService/ResendMessage", Access::Team(SUPPORTERS)),
    ("/turnout.notifications.v1.NotificationService/GetMessageFigures", Access::Team(FIGURES)),
    ("/turnout.notifications.v1.NotificationService/GetTemplate", Access::Team(FIGURES)),
    ("/turnout.notifications.v1.NotificationService/PutTemplate", Access::Team(ORGANISERS)),
    ("/turnout.notifications.v1.NotificationService/ResetTemplate", Access::Team(ORGANISERS)),
    ("/turnout.notifications.v1.NotificationService/PreviewTemplate", Access::Team(FIGURES)),
    ("/turnout.notifications.v1.NotificationService/SendTest", Access::Team(ORGANISERS)),
    ("/turnout.notifications.v1.NotificationService/GetReminders", Access::Team(FIGURES)),
    ("/turnout.notifications.v1.NotificationService/PutReminders", Access::Team(ORGANISERS)),
    ("/turnout.notifications.v1.NotificationService/GetMessageSettings", Access::Team(FIGURES)),
    ("/turnout.notifications.v1.NotificationService/PutMessageSettings", Access::Team(OWNERS)),
    ("/turnout.notifications.v1.NotificationService/ApplyDeliveryReport", Access::Mesh),
    ("/turnout.notifications.v1.NotificationService/ApplyReturnedMail", Access::Mesh),
    ("/turnout.notifications.v1.NotificationService/RotateReportSecret", Access::Team(OWNERS)),
    ("/turnout.notifications.v1.NotificationService/ResolveUnsubscribe", Access::Mesh),
    ("/turnout.notifications.v1.NotificationService/Unsubscribe", Access::Mesh),
    ("/turnout.notifications.v1.NotificationService/ListSuppressions", Access::Team(SUPPORTERS)),
    ("/turnout.notifications.v1.NotificationService/LiftSuppression", Access::Team(SUPPORTERS)),
    ("/turnout.notifications.v1.NotificationService/ReplayNotices", Access::Team(OWNERS)),
    ("/turnout.notifications.v1.NotificationService/GetSendingStanding", Access::Team(FIGURES)),
    ("/turnout.notifications.v1.NotificationService/LiftMarketingStop", Access::Team(OWNERS)),
];

/// What notifications needs.
pub struct Deps {
    /// Opened with [`TABLES`] and those of the vault and the outbox among its tables.
    pub tables: Arc<dyn Tables>,
    /// Where registrations and events are announced, and states of messages told.
    pub bus: SharedDurableBus,
    /// Counts what comes over it.
    pub bus_metrics: DurableMetrics,
    /// The wall clock says what is due.
    pub clock: Arc<dyn Clock>,
    /// For codes in links, and for the vault.
    pub mesh_key: Arc<MeshKey>,
    /// The way to registration.
    pub registration: Channel,
    /// The way to profiles.
    pub profiles: Channel,
    /// Who this service is to others.
    pub credentials: Credentials,
    /// Ends the work.
    pub life: Lifecycle,
    /// Where it counts.
    pub metrics: Telemetry,
}

/// How an installation sends.
#[derive(Clone)]
pub struct NotificationsConfig {
    /// What stands before every link, such as `https://turnout.example`.
    pub public_url: String,
    /// The sender's address, such as `noreply@turnout.example`.
    pub mail_from: String,
    /// Where what cannot be delivered is returned; none: to the sender.
    pub mail_returns: Option<String>,
    /// The mail server, as [`SmtpTransport::new`] takes it; none: mails are files.
    pub smtp_url: Option<String>,
    /// Where mails are kept as files.
    pub mail_folder: PathBuf,
    /// The gateway for text messages; none: none are sent.
    pub sms_url: Option<String>,
    /// Whether notices may also go inside the network, and unencrypted.
    pub webhooks_anywhere: bool,
    /// Messages that one process hands over at the same time, 1 to 64.
    pub worker_concurrency: usize,
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The mail server.
    #[error("the address of the mail server {0}")]
    Smtp(#[from] WrongUrl),
    /// The gateway, or webhooks.
    #[error("the client for text messages and webhooks: {0}")]
    Http(#[from] reqwest::Error),
    /// The sender.
    #[error("the sender's address must be an e-mail address")]
    Sender,
    /// The sender of mails that leave this machine.
    #[error(
        "mails over a mail server (smtp_url) need a sender that it takes: set mail_from, such as hello@example.org"
    )]
    LocalSender,
    /// The gateway.
    #[error("the gateway for text messages (sms_url) must be an https:// address, unless it is on this machine")]
    Gateway,
}

/// Bounds of what is configured.
const CONCURRENCY_MAX: usize = 64;
/// Notices that one process hands over at the same time, and those of one tenant among them.
const NOTICES_AT_ONCE: usize = 16;
const NOTICES_OF_A_TENANT_AT_ONCE: usize = 4;

/// The service. A clone is another handle on the same.
#[derive(Clone)]
pub struct Notifications {
    store: Store,
    planner: Planner,
    fan_outs: FanOuts,
    figures: FigureReadings,
    composer: Composer,
    mail: Arc<dyn MailTransport>,
    webhooks: WebhookSender,
    hurry: Hurry,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

/// How what is sent leaves the process.
pub struct Ways {
    /// Mails.
    pub mail: Arc<dyn MailTransport>,
    /// Notices to systems of organisers.
    pub webhooks: WebhookSender,
}

impl Notifications {
    /// Starts the service and its work.
    ///
    /// # Errors
    /// A configuration that cannot be.
    pub fn start(deps: Deps, config: NotificationsConfig) -> Result<Self, StartError> {
        let mail: Arc<dyn MailTransport> = match &config.smtp_url {
            Some(_) if is_local(&config.mail_from) => return Err(StartError::LocalSender),
            Some(url) => {
                let host = config.public_url.split("://").nth(1).and_then(|rest| rest.split(['/', ':']).next());
                Arc::new(SmtpTransport::new(url, host.unwrap_or("localhost"))?)
            }
            None => Arc::new(FolderTransport::new(config.mail_folder.clone())),
        };
        let reach = if config.webhooks_anywhere { Reach::Anywhere } else { Reach::Public };
        Self::start_with(deps, config, Ways { mail, webhooks: WebhookSender::new(reach)? })
    }

    /// As [`Self::start`], with other ways to leave.
    ///
    /// # Errors
    /// A configuration that cannot be.
    pub fn start_with(deps: Deps, config: NotificationsConfig, ways: Ways) -> Result<Self, StartError> {
        let Ways { mail, webhooks } = ways;
        let Deps { tables, bus, bus_metrics, clock, mesh_key, registration, profiles, credentials, life, metrics } =
            deps;
        if !config.mail_from.contains('@') {
            return Err(StartError::Sender);
        }
        if config.sms_url.as_deref().is_some_and(|url| !transport::is_private(url)) {
            return Err(StartError::Gateway);
        }
        let sms = config.sms_url.map(SmsGateway::new).transpose()?;
        let own = metrics.register(Metrics::register);
        let vault = Vault::new(tables.clone(), &mesh_key, clock.clone());
        let outbox = Outbox::start("notifications", tables.clone(), bus.clone(), clock.clone(), &life, &metrics);
        let store = Store::new(tables, vault, outbox, own.clone());
        store.write_mail_totals(&life);
        let upstream = Upstream::new(registration, profiles, credentials);
        let planner = Planner { store: store.clone(), upstream, clock: clock.clone() };
        let fan_outs = FanOuts::new(planner.clone(), own.clone(), life.clone());
        let composer = Composer {
            public_url: config.public_url.trim_end_matches('/').to_owned(),
            mail_from: config.mail_from,
            mail_returns: config.mail_returns,
            codes: Codes::new(&mesh_key),
        };
        let (hurry, hurried) = worker::hurry(clock.clone());
        let looker = Looker {
            store: store.clone(),
            planner: planner.clone(),
            fan_outs: fan_outs.clone(),
            composer: composer.clone(),
            mail: mail.clone(),
            sms,
            webhooks: webhooks.clone(),
            mail_breaker: Arc::default(),
            sms_breaker: Arc::default(),
            receivers: Arc::default(),
            asked_for_texts: Arc::default(),
            hurry: hurry.clone(),
            clock: clock.clone(),
            metrics: own.clone(),
            life: life.clone(),
        };
        let concurrency = config.worker_concurrency.clamp(1, CONCURRENCY_MAX);
        let (worker_life, worker_metrics) = (life.clone(), own.clone());
        let worker = Worker {
            lane: Lane::Messages,
            looker,
            store: store.clone(),
            clock: clock.clone(),
            concurrency,
            unreadable: Arc::default(),
            metrics: worker_metrics,
            life: worker_life,
        };
        worker.clone().start_hurried(hurried);
        Worker { lane: Lane::Notices, concurrency: NOTICES_AT_ONCE, ..worker.clone() }.start();
        worker.start();

        let consumer = |name, kind| Consumer { name: Some(name), pattern: all_events(kind) };
        let notices = Notices { store: store.clone(), clock: clock.clone() };
        let on_registration = OnRegistration {
            notices: notices.clone(),
            store: store.clone(),
            clock: clock.clone(),
            hurry: hurry.clone(),
        };
        let registrations = consumer("notifications_registrations", EventKind::Registration);
        durable::run(&life, bus.clone(), registrations, bus_metrics.clone(), Arc::new(on_registration));
        let on_event = OnEvent { notices: notices.clone(), fan_outs: fan_outs.clone(), hurry: hurry.clone() };
        let events = consumer("notifications_events", EventKind::Event);
        durable::run(&life, bus.clone(), events, bus_metrics.clone(), Arc::new(on_event));
        let messages = consumer("notifications_messages", EventKind::Message);
        durable::run(&life, bus, messages, bus_metrics, Arc::new(OnMessage { notices }));
        let figures = FigureReadings::new(store.clone());
        Ok(Self { store, figures, planner, fan_outs, composer, mail, webhooks, hurry, clock, metrics: own })
    }

    /// Its gRPC face, to be added to a server whose authenticator knows [`ACCESS`].
    pub fn into_service(self) -> NotificationServiceServer<Self> {
        NotificationServiceServer::new(self)
            .max_decoding_message_size(RPC_REQUEST_BYTES_MAX)
            .max_encoding_message_size(RPC_RESPONSE_BYTES_MAX)
    }

    fn now_ms(&self) -> i64 {
        self.clock.at_ms() as i64
    }
}

/// Whether this is an address that no other machine knows.
fn is_local(address: &str) -> bool {
    let host = address.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_this_machine_is_known_as_such() {
        assert!(is_local("turnout@localhost") && is_local("a@MAIL.localhost"));
        assert!(!is_local("hello@example.org") && !is_local("localhost@example.org"));
    }
}
