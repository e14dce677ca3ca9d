//! Any gRPC method by its path, with bytes in and bytes out: for tests that treat all methods alike, and for callers with headers
//! that no proper client would send. It has no deadline of its own but the test's.

use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tonic::{Code, Status};

/// Every answer, or the first message of a stream, comes within this.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// A flag and a length stand before each message.
const PREFIX_BYTES: usize = 5;

/// One HTTP/2 connection.
#[derive(Debug, Clone)]
pub struct Caller {
    address: String,
    sender: SendRequest<Full<Bytes>>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The first message, if there was one; the rest of a stream is not waited for.
    pub message: Option<Bytes>,
    /// How the call ended; none if a message came and the end was not waited for.
    pub status: Option<Status>,
    /// All that a caller can see of how it ended, as sent: names and values in their order, without the date.
    pub seen: Vec<(String, Vec<u8>)>,
}

impl Answer {
    /// How it ended. A message without an end is a success.
    pub fn code(&self) -> Code {
        self.status.as_ref().map_or(Code::Ok, Status::code)
    }

    /// The refusal, which it must be.
    pub fn refusal(&self) -> &Status {
        let refusal = self.status.as_ref().filter(|status| status.code() != Code::Ok);
        refusal.unwrap_or_else(|| panic!("not refused: {self:?}"))
    }
}

impl Caller {
    /// Connects to `host:port`.
    pub async fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("the service listens");
        stream.set_nodelay(true).expect("a socket");
        let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("it speaks HTTP/2");
        tokio::spawn(connection);
        Self { address: address.to_owned(), sender }
    }

    /// Calls `/package.Service/Method` with further headers. The error is one of the connection, such as a header that is too long.
    pub async fn try_call(&self, path: &str, headers: &[(&str, &str)], message: &[u8]) -> anyhow::Result<Answer> {
        let mut request = Request::post(format!("http://{}{path}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let length = u32::try_from(message.len())?;
        let body = [&[0], &length.to_be_bytes()[..], message].concat();
        let mut sender = self.sender.clone();
        let answer = async {
            sender.ready().await?;
            let response = sender.send_request(request.body(Full::from(body))?).await?;
            read(response).await
        };
        tokio::time::timeout(ANSWER_WITHIN, answer).await?
    }

    /// As [`Self::try_call`], with `authorization: Bearer <bearer>`, on a connection that must hold.
    pub async fn call(&self, bearer: &str, path: &str, message: &[u8]) -> Answer {
        let authorization = format!("Bearer {bearer}");
        let answer = self.try_call(path, &[("authorization", &authorization)], message).await;
        answer.unwrap_or_else(|error| panic!("{path}: {error:#}"))
    }
}

async fn read(response: http::Response<hyper::body::Incoming>) -> anyhow::Result<Answer> {
    let (head, mut body) = response.into_parts();
    anyhow::ensure!(head.status == 200, "status {}", head.status);
    let mut answer = Answer { message: None, status: None, seen: seen(&head.headers) };
    if let Some(status) = Status::from_header_map(&head.headers) {
        answer.status = Some(status);
        return Ok(answer);
    }
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await.transpose()? {
        match frame.into_data() {
            Ok(data) => {
                bytes.extend_from_slice(&data);
                if bytes.len() < PREFIX_BYTES {
                    continue;
                }
                let length = (&bytes[1..PREFIX_BYTES]).get_u32() as usize;
                if answer.message.is_none() && bytes.len() >= PREFIX_BYTES + length {
                    answer.message = Some(Bytes::copy_from_slice(&bytes[PREFIX_BYTES..][..length]));
                    return Ok(answer);
                }
            }
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                answer.seen.extend(seen(&trailers));
                answer.status = Status::from_header_map(&trailers);
            }
        }
    }
    Ok(answer)
}

fn seen(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let all = headers.iter().filter(|(name, _)| *name != "date");
    all.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect()
}
