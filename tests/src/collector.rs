//! A collector of traces that keeps what it is sent.

use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value::Value,
    trace::v1::Span,
};
use prost::Message as _;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// The collector. A clone is another handle on the same.
#[derive(Debug, Clone, Default)]
pub struct Collector {
    /// All spans, in the order in which they came.
    pub spans: Arc<Mutex<Vec<Span>>>,
    /// The name that each report gave its process.
    pub services: Arc<Mutex<Vec<String>>>,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Collector {
    /// Starts it; its URL.
    pub async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let service = TraceServiceServer::new(self.clone());
        let incoming = TcpListenerStream::new(listener);
        tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
        url
    }

    /// The first span of a name.
    pub fn span(&self, name: &str) -> Option<Span> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).iter().find(|span| span.name == name).cloned()
    }

    /// All that was sent, as it was encoded: names and values of spans stand in it as they are.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let request = request.into_inner();
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).extend(request.encode_to_vec());
        for of_process in request.resource_spans {
            let attributes = of_process.resource.map(|resource| resource.attributes).unwrap_or_default();
            let name = attributes.into_iter().find(|attribute| attribute.key == "service.name");
            if let Some(Value::StringValue(name)) = name.and_then(|name| name.value?.value) {
                self.services.lock().unwrap_or_else(PoisonError::into_inner).push(name);
            }
            let spans = of_process.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.spans.lock().unwrap_or_else(PoisonError::into_inner).extend(spans);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}
