//! What only this service can count; calls, codes and times are counted by the gRPC layer, bus messages by the bus.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::domain::message::{Message, Reason, State};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Step {
    kind: &'static str,
    channel: &'static str,
    state: &'static str,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    lane: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct What {
    what: &'static str,
}

/// The metrics.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    steps: Family<Step, Counter>,
    reports: Family<By, Counter>,
    unknown: Counter,
    repeated: Counter,
    behind_s: Family<Of, Gauge>,
    breaker_open: Gauge,
    failed_looks: Counter,
    refused: Family<What, Counter>,
    unreadable_rows: Counter,
    clock_ahead: Counter,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        registry.register(
            "turnout_notifications_message_states",
            "Messages that entered a state, by kind, channel and reason",
            new.steps.clone(),
        );
        registry.register(
            "turnout_notifications_delivery_reports",
            "Delivery reports of providers, by what became of them",
            new.reports.clone(),
        );
        registry.register(
            "turnout_notifications_messages_unknown",
            "Messages whose outcome nobody knows: the program or the provider stopped between hand-over and answer",
            new.unknown.clone(),
        );
        registry.register(
            "turnout_notifications_messages_repeated",
            "Tries whose outcome is unknown and after which the message or notice is sent once more",
            new.repeated.clone(),
        );
        registry.register(
            "turnout_notifications_behind_seconds",
            "How long ago the oldest minute is that is not wholly worked through; some minutes are usual",
            new.behind_s.clone(),
        );
        registry.register(
            "turnout_notifications_breaker_open",
            "1 while the mail server is left alone because it does not answer",
            new.breaker_open.clone(),
        );
        registry.register(
            "turnout_notifications_looks_failed",
            "Looks at due messages that failed inside and are repeated",
            new.failed_looks.clone(),
        );
        registry.register(
            "turnout_notifications_refused_by_a_service",
            "What was given up because another service refused for an hour to say what it needs: messages, plans, fan_outs",
            new.refused.clone(),
        );
        registry.register(
            "turnout_notifications_unreadable_due_rows",
            "Rows of due work that this version cannot read, each once for each process that met it; they hold up no other row",
            new.unreadable_rows.clone(),
        );
        registry.register(
            "turnout_notifications_clock_ahead",
            "Times that the work on due messages was found to be ahead of this process's clock, and was taken back",
            new.clock_ahead.clone(),
        );
        new
    }

    pub fn entered(&self, message: &Message) {
        let step = Step {
            kind: message.kind.as_str_name(),
            channel: message.channel.as_str_name(),
            state: message.state.as_str_name(),
            reason: message.reason.map_or("", Reason::word),
        };
        self.steps.get_or_create(&step).inc();
        match (message.state, message.reason) {
            (State::Unknown, _) => drop(self.unknown.inc()),
            (State::Queued, Some(Reason::NoAnswer)) => drop(self.repeated.inc()),
            _ => {}
        }
    }

    pub fn reported(&self, outcome: &'static str) {
        self.reports.get_or_create(&By { outcome }).inc();
    }

    pub fn behind(&self, lane: &'static str, ms: i64) {
        self.behind_s.get_or_create(&Of { lane }).set(ms / 1000);
    }

    pub fn breaker(&self, open: bool) {
        self.breaker_open.set(open.into());
    }

    /// `what` is the plural of what was given up.
    pub fn given_up(&self, what: &'static str) {
        self.refused.get_or_create(&What { what }).inc();
    }

    pub fn unreadable_row(&self) {
        self.unreadable_rows.inc();
    }

    pub fn clock_ahead(&self) {
        self.clock_ahead.inc();
    }

    pub fn look_failed(&self) {
        self.failed_looks.inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        life::{Input, next, tests::message},
        message::{Channel, Kind},
    };

    #[test]
    fn of_the_tries_of_a_notice_those_are_repetitions_that_follow_on_silence() {
        let metrics = Metrics::default();
        let mut notice = Message { channel: Channel::Webhook, ..message(Kind::Notice) };
        let fails = Input::NotYet { reason: Reason::WebhookFails, jitter: 0 };
        for input in [Input::Begin, Input::Unsure, Input::Begin, fails, Input::Begin, fails] {
            notice = next(&notice, input, 0).unwrap();
            metrics.entered(&notice);
        }
        assert_eq!(metrics.repeated.get(), 1);
    }
}
