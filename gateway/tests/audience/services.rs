//! Services that answer what a test wants. Speaks gRPC over a socket of its own, so that the gateway calls it as it would the real
//! ones; knows nothing of what a method means.

use std::{collections::HashMap, convert::Infallible, net::SocketAddr, sync::Arc};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use prost::Message;
use tokio::net::TcpListener;
use tonic::Code;

type Answer = Result<Vec<u8>, Code>;
type Method = Box<dyn Fn(&[u8]) -> Answer + Send + Sync>;

/// The services, and what was asked of them.
#[derive(Default)]
pub struct Services {
    methods: Mutex<HashMap<String, Method>>,
    asked: Mutex<Vec<(String, Vec<u8>)>>,
}

impl Services {
    /// Starts them; a method that no test has set is UNAVAILABLE.
    pub async fn start() -> (Arc<Self>, SocketAddr) {
        let services = Arc::new(Self::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = services.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let services = serving.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(services.clone(), request));
                    http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await
                });
            }
        });
        (services, address)
    }

    /// What a method answers from now on.
    pub fn on<Q, A>(&self, method: &str, answer: impl Fn(Q) -> Result<A, Code> + Send + Sync + 'static)
    where
        Q: Message + Default,
        A: Message,
    {
        let answer = move |asked: &[u8]| answer(Q::decode(asked).unwrap()).map(|answer| answer.encode_to_vec());
        self.methods.lock().insert(method.to_owned(), Box::new(answer));
    }

    /// What was asked of a method, in order.
    pub fn asked<Q: Message + Default>(&self, method: &str) -> Vec<Q> {
        let asked = self.asked.lock();
        asked.iter().filter(|(name, _)| name == method).map(|(_, bytes)| Q::decode(bytes.as_slice()).unwrap()).collect()
    }

    fn call(&self, method: &str, asked: &[u8]) -> Answer {
        self.asked.lock().push((method.to_owned(), asked.to_vec()));
        self.methods.lock().get(method).map_or(Err(Code::Unavailable), |method| method(asked))
    }
}

/// One call: five bytes of frame, then the message; the status comes in the trailers.
async fn answer(
    services: Arc<Services>,
    request: Request<Incoming>,
) -> Result<Response<http_body_util::combinators::BoxBody<Bytes, Infallible>>, Infallible> {
    let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let (message, code) = match services.call(&method, body.get(5..).unwrap_or_default()) {
        Ok(message) => (Some(message), Code::Ok),
        Err(code) => (None, code),
    };
    let mut frame = BytesMut::new();
    if let Some(message) = message {
        frame.put_u8(0);
        frame.put_u32(message.len() as u32);
        frame.put_slice(&message);
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(code as i32));
    let body = Full::new(frame.freeze()).with_trailers(std::future::ready(Some(Ok(trailers)))).boxed();
    Ok(Response::builder().header("content-type", "application/grpc").body(body).expect("plain headers"))
}
