//! A channel that keeps a copy of every request that goes through it, with whether it was accepted. It changes nothing.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tonic::{body::Body, codegen::Service, transport::Channel};

/// A flag and a length stand before the message of a call.
const PREFIX_BYTES: usize = 5;

/// A call that was made.
pub struct Call {
    /// `/package.Service/Method`.
    pub path: String,
    pub message: Bytes,
    pub accepted: bool,
}

/// What has been called, on all channels that share it.
#[derive(Clone, Default)]
pub struct Calls(Arc<Mutex<Vec<Call>>>);

impl Calls {
    /// Hands over what has been called so far.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// The channel.
#[derive(Clone)]
pub struct Recorder {
    pub channel: Channel,
    pub calls: Calls,
}

impl Service<Request<Body>> for Recorder {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.channel.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The one that is ready makes the call; its copy is not.
        let mut ready = self.channel.clone();
        std::mem::swap(&mut ready, &mut self.channel);
        let calls = self.calls.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let bytes = body.collect().await.expect("a request of ours has a body").to_bytes();
            let (path, message) = (head.uri.path().to_owned(), bytes.slice(PREFIX_BYTES..));
            let body = Body::new(Full::new(bytes).map_err(|never: Infallible| match never {}));
            let answer = ready.call(Request::from_parts(head, body)).await?;
            // What is refused is refused before there is a message, so its status stands in the head.
            let accepted = answer.headers().get("grpc-status").is_none_or(|status| status == "0");
            calls.0.lock().unwrap().push(Call { path, message, accepted });
            Ok(answer)
        })
    }
}
