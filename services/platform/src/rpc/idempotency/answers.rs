//! The answer of a unary call as a value: read from a response, kept as bytes, made a response again. Metadata of the service's own is
//! not kept; our services send none.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;
use tonic::{Code, Status, body::Body};

use super::Response;

/// Says that this answer was first given to an earlier call.
const REPLAYED: &str = "idempotent-replay";

/// An answer.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Answer {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    /// The rich details of a refusal.
    #[prost(bytes = "vec", tag = "3")]
    details: Vec<u8>,
    /// The message with the head of its frame; empty with a refusal.
    #[prost(bytes = "vec", tag = "4")]
    frames: Vec<u8>,
}

impl Answer {
    /// Reads a response to its end.
    pub async fn of(response: Response) -> Self {
        let (head, body) = response.into_parts();
        if let Some(status) = Status::from_header_map(&head.headers) {
            return Self::refusal(&status);
        }
        match body.collect().await {
            Ok(all) => match all.trailers().and_then(Status::from_header_map) {
                Some(status) if status.code() == Code::Ok => {
                    Self { code: Code::Ok.into(), frames: all.to_bytes().to_vec(), ..Self::default() }
                }
                Some(status) => Self::refusal(&status),
                None => Self::refusal(&Status::internal("the answer broke off")),
            },
            Err(status) => Self::refusal(&status),
        }
    }

    pub fn refusal(status: &Status) -> Self {
        Self {
            code: status.code().into(),
            message: status.message().to_owned(),
            details: status.details().to_vec(),
            frames: Vec::new(),
        }
    }

    pub fn code(&self) -> Code {
        Code::from(self.code)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// What was kept; none for bytes that are no answer.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::decode(bytes).ok()
    }

    /// The response, to the first call or to a retry.
    pub fn into_response(self, replayed: bool) -> Response {
        let mut response = if self.code() == Code::Ok {
            let mut trailers = http::HeaderMap::new();
            trailers.insert(Status::GRPC_STATUS, http::HeaderValue::from_static("0"));
            let body = Full::new(Bytes::from(self.frames)).with_trailers(std::future::ready(Some(Ok(trailers))));
            let mut response = Response::new(Body::new(body));
            let content_type = http::HeaderValue::from_static("application/grpc");
            response.headers_mut().insert(http::header::CONTENT_TYPE, content_type);
            response
        } else {
            Status::with_details(self.code(), self.message, self.details.into()).into_http()
        };
        if replayed {
            response.headers_mut().insert(REPLAYED, http::HeaderValue::from_static("true"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_the_same_after_it_was_kept_and_replayed() {
        let kept = Answer { code: 0, frames: vec![0, 0, 0, 0, 1, 8], ..Answer::default() };
        let refusal = Answer::refusal(&Status::with_details(Code::NotFound, "no such event", vec![1, 2].into()));
        for answer in [kept, refusal] {
            let again = Answer::from_bytes(&answer.to_bytes()).unwrap();
            assert_eq!(again, answer);
            let response = again.into_response(true);
            assert_eq!(response.headers()[REPLAYED], "true");
            assert_eq!(Answer::of(response).await, answer);
            assert!(!answer.clone().into_response(false).headers().contains_key(REPLAYED));
        }
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_a_fault_and_no_success() {
        let response = Response::new(Body::new(Full::new(Bytes::from_static(&[0, 0]))));
        assert_eq!(Answer::of(response).await.code(), Code::Internal);
    }
}
