//! A gRPC server whose methods answer as a test says. It speaks the wire format only, so that a test names just the methods that it
//! needs; any other is UNIMPLEMENTED.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

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
use tonic::{
    Code, Status,
    transport::{Channel, server::TcpIncoming},
};

/// The bytes before each message: not compressed, and its length.
const PREFIX_BYTES: usize = 5;

type Answer = Arc<dyn Fn(&[u8]) -> (Vec<Vec<u8>>, Status) + Send + Sync>;

/// A call: its method, its message, and the key under which it is to be done once.
struct Asked {
    method: String,
    message: Vec<u8>,
    key: Option<String>,
}

#[derive(Clone, Default)]
pub struct Scripted {
    answers: Arc<Mutex<HashMap<&'static str, Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Scripted {
    /// Starts it and connects to it.
    pub async fn start() -> (Self, Channel) {
        let (scripted, address) = Self::serve().await;
        (scripted, Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy())
    }

    /// Starts it; where it listens.
    pub async fn serve() -> (Self, SocketAddr) {
        let scripted = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = tonic::service::Routes::from(Router::new().fallback(call).with_state(scripted.clone()));
        let serving = tonic::transport::Server::builder().add_routes(routes);
        tokio::spawn(serving.serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true))));
        (scripted, address)
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
        let of_method = asked.iter().filter(|asked| asked.method == method);
        of_method.map(|asked| Q::decode(asked.message.as_slice()).unwrap()).collect()
    }

    /// The keys under which a method was asked to act once, the oldest first.
    pub fn keys(&self, method: &str) -> Vec<Option<String>> {
        let asked = self.asked.lock();
        asked.iter().filter(|asked| asked.method == method).map(|asked| asked.key.clone()).collect()
    }
}

async fn call(State(scripted): State<Scripted>, request: Request) -> Response {
    // `/package.Service/Method`
    let method = request.uri().path().rsplit('.').next().unwrap_or_default().to_owned();
    let key = request.headers().get("idempotency-key").map(|key| key.to_str().unwrap().to_owned());
    let bytes = request.into_body().collect().await.unwrap().to_bytes();
    let message = bytes.get(PREFIX_BYTES..).unwrap_or_default().to_vec();
    scripted.asked.lock().push(Asked { method: method.clone(), message: message.clone(), key });
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
