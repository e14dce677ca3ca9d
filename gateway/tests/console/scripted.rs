//! A gRPC server whose methods answer as a test says. It speaks the wire format only, so that a test names just the methods that it
//! needs; any other is UNIMPLEMENTED.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::Response,
};
use futures_util::stream;
use http::HeaderMap;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use parking_lot::Mutex;
use prost::Message;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Status, transport::Channel};

/// The bytes before each message: not compressed, and its length.
const PREFIX_BYTES: usize = 5;

type Answer = Arc<dyn Fn(&[u8]) -> (Vec<Vec<u8>>, Status) + Send + Sync>;

/// The path of a call and its message.
type Asked = (String, Vec<u8>);

#[derive(Clone, Default)]
pub struct Scripted {
    answers: Arc<Mutex<HashMap<&'static str, Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Scripted {
    /// Starts it and connects to it.
    pub async fn start() -> (Self, Channel) {
        let scripted = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = tonic::service::Routes::from(Router::new().fallback(call).with_state(scripted.clone()));
        let serving = tonic::transport::Server::builder().add_routes(routes);
        tokio::spawn(serving.serve_with_incoming(TcpListenerStream::new(listener)));
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        (scripted, channel)
    }

    /// From now on a method answers so.
    pub fn on<Q: Message + Default, A: Message>(
        &self,
        method: &'static str,
        answer: impl Fn(Q) -> Result<A, Status> + Send + Sync + 'static,
    ) {
        self.answer(method, move |request: Q| match answer(request) {
            Ok(message) => (vec![message.encode_to_vec()], Status::ok("")),
            Err(status) => (Vec::new(), status),
        });
    }

    /// From now on a method streams these answers and ends with this status.
    pub fn streams<Q: Message + Default, A: Message>(&self, method: &'static str, answers: &[A], end: Code) {
        let answers: Vec<Vec<u8>> = answers.iter().map(Message::encode_to_vec).collect();
        self.answer(method, move |_: Q| (answers.clone(), Status::new(end, "")));
    }

    fn answer<Q: Message + Default>(
        &self,
        method: &'static str,
        answer: impl Fn(Q) -> (Vec<Vec<u8>>, Status) + Send + Sync + 'static,
    ) {
        let decoded = move |bytes: &[u8]| answer(Q::decode(bytes).unwrap());
        self.answers.lock().insert(method, Arc::new(decoded));
    }

    /// What a method was asked, the oldest first.
    pub fn asked<Q: Message + Default>(&self, method: &str) -> Vec<Q> {
        let asked = self.asked.lock();
        asked.iter().filter(|(name, _)| name == method).map(|(_, bytes)| Q::decode(bytes.as_slice()).unwrap()).collect()
    }
}

async fn call(State(scripted): State<Scripted>, request: Request) -> Response {
    // `/package.Service/Method`
    let method = request.uri().path().rsplit('.').next().unwrap_or_default().to_owned();
    let bytes = request.into_body().collect().await.unwrap().to_bytes();
    let message = bytes.get(PREFIX_BYTES..).unwrap_or_default().to_vec();
    scripted.asked.lock().push((method.clone(), message.clone()));
    let answer = scripted.answers.lock().get(method.as_str()).cloned();
    let Some(answer) = answer else { return Status::unimplemented(method).into_http() };
    let (messages, status) = answer(&message);
    if messages.is_empty() && status.code() != Code::Ok {
        return status.into_http();
    }
    let frames = messages.into_iter().map(|message| {
        let mut framed = vec![0];
        framed.extend((message.len() as u32).to_be_bytes());
        framed.extend(message);
        Frame::data(Bytes::from(framed))
    });
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers).unwrap();
    let frames = frames.chain([Frame::trailers(trailers)]).map(Ok::<_, std::convert::Infallible>);
    let body = Body::new(StreamBody::new(stream::iter(frames)));
    Response::builder().header("content-type", "application/grpc").body(body).unwrap()
}
