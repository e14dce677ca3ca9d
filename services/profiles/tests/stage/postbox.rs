//! What the notifications service is to profiles, and no more: it takes security messages, here for the test to read, and says how the
//! mails of tenants are received.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use parking_lot::Mutex;
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{BoxFuture, Service, http},
    server::{Grpc, NamedService, UnaryService},
};
use tonic_prost::ProstCodec;
use turnout_platform::auth::{Access, AccessTable};
use turnout_proto::notifications::v1::{
    GetSendingStandingRequest, GetSendingStandingResponse, SendSecurityMessageRequest, SendSecurityMessageResponse,
    SendingStanding,
};

pub static ACCESS: AccessTable = &[
    ("/turnout.notifications.v1.NotificationService/SendSecurityMessage", Access::Mesh),
    ("/turnout.notifications.v1.NotificationService/GetSendingStanding", Access::Mesh),
];

/// A clone is another handle on the same.
#[derive(Clone, Default)]
pub struct Postbox {
    letters: Arc<Mutex<Vec<SendSecurityMessageRequest>>>,
    /// So many messages are refused as if the service was away.
    pub away: Arc<AtomicUsize>,
    /// It does not say how mails are received.
    pub silent: Arc<AtomicBool>,
    /// Why marketing is stopped; none while it is not.
    pub stopped: Arc<Mutex<Option<String>>>,
}

impl Postbox {
    /// All letters so far, oldest first; a repeated one once.
    pub fn letters(&self) -> Vec<SendSecurityMessageRequest> {
        self.letters.lock().clone()
    }
}

impl NamedService for Postbox {
    const NAME: &'static str = "turnout.notifications.v1.NotificationService";
}

impl Service<http::Request<Body>> for Postbox {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let postbox = self.clone();
        Box::pin(async move {
            if request.uri().path().ends_with("/GetSendingStanding") {
                return Ok(Grpc::new(ProstCodec::default()).unary(Standing(postbox), request).await);
            }
            Ok(Grpc::new(ProstCodec::default()).unary(postbox, request).await)
        })
    }
}

impl UnaryService<SendSecurityMessageRequest> for Postbox {
    type Response = SendSecurityMessageResponse;
    type Future = BoxFuture<Response<SendSecurityMessageResponse>, Status>;

    fn call(&mut self, request: Request<SendSecurityMessageRequest>) -> Self::Future {
        let postbox = self.clone();
        Box::pin(async move {
            let away = postbox.away.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            if away.is_ok() {
                return Err(Status::unavailable("away"));
            }
            let letter = request.into_inner();
            let message_id = letter.idempotency_key.clone();
            let mut letters = postbox.letters.lock();
            if !letters.iter().any(|known| known.idempotency_key == message_id) {
                letters.push(letter);
            }
            Ok(Response::new(SendSecurityMessageResponse { message_id }))
        })
    }
}

/// How mails are received.
struct Standing(Postbox);

impl UnaryService<GetSendingStandingRequest> for Standing {
    type Response = GetSendingStandingResponse;
    type Future = BoxFuture<Response<GetSendingStandingResponse>, Status>;

    fn call(&mut self, _: Request<GetSendingStandingRequest>) -> Self::Future {
        let (is_silent, stopped) = (self.0.silent.load(Ordering::SeqCst), self.0.stopped.lock().clone());
        Box::pin(async move {
            if is_silent {
                return Err(Status::unavailable("away"));
            }
            let standing = SendingStanding {
                marketing_stopped: stopped.is_some(),
                advice: stopped.unwrap_or_default(),
                ..SendingStanding::default()
            };
            Ok(Response::new(GetSendingStandingResponse { standing: Some(standing) }))
        })
    }
}
