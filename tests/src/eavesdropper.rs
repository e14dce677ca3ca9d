//! Somebody who hears everything on a NATS server: all subjects with all payloads, as they come over the wire. It speaks just enough
//! of the protocol to listen.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};

/// The eavesdropper.
#[derive(Debug)]
pub struct Eavesdropper {
    heard: Arc<Mutex<Vec<u8>>>,
    task: JoinHandle<()>,
}

impl Eavesdropper {
    /// Listens from now on to the server at `nats://host:port`.
    pub async fn at(url: &str) -> Self {
        let address = url.trim_start_matches("nats://");
        let mut stream = TcpStream::connect(address).await.expect("the server listens");
        let hello = b"CONNECT {\"verbose\":false}\r\nSUB > 1\r\nPING\r\n";
        stream.write_all(hello).await.expect("the server listens");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(listen(stream, heard.clone()));
        Self { heard, task }
    }

    /// All that was said so far.
    pub fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Eavesdropper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(mut stream: TcpStream, heard: Arc<Mutex<Vec<u8>>>) {
    let mut part = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = stream.read(&mut part).await {
        let part = &part[..length];
        heard.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(part);
        // Whoever never answers is thrown out after some minutes; an answer that nobody asked for hurts nobody.
        if part.windows(6).any(|window| window == b"PING\r\n") && stream.write_all(b"PONG\r\n").await.is_err() {
            return;
        }
    }
}
