//! A server of a test: it does with each thing that comes what the test says, and keeps it. What it speaks is its own business.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What a server was told to do, and what came.
pub struct State<Act, Taken> {
    script: VecDeque<Act>,
    pub taken: Vec<Taken>,
    connections: usize,
}

impl<Act, Taken> State<Act, Taken> {
    /// What to do next; none when all that was said is done.
    pub fn next_act(&mut self) -> Option<Act> {
        self.script.pop_front()
    }
}

impl<Act: PartialEq, Taken> State<Act, Taken> {
    /// Whether this is what to do next; it is taken off the script then.
    pub fn take_next(&mut self, act: &Act) -> bool {
        let is_next = self.script.front() == Some(act);
        if is_next {
            self.script.pop_front();
        }
        is_next
    }
}

/// A client that is connected.
pub type Client = BufReader<TcpStream>;

/// The server. It ends with the test.
pub struct Scripted<Act, Taken> {
    pub port: u16,
    state: Arc<Mutex<State<Act, Taken>>>,
    task: JoinHandle<()>,
}

impl<Act: Copy + Send + 'static, Taken: Clone + Send + 'static> Scripted<Act, Taken> {
    /// Talks so with each client; it hangs up where that ends.
    pub async fn start<Talk>(talk: impl Fn(Client, Arc<Mutex<State<Act, Taken>>>) -> Talk + Send + 'static) -> Self
    where
        Talk: Future<Output = Option<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State { script: VecDeque::new(), taken: Vec::new(), connections: 0 };
        let state = Arc::new(Mutex::new(state));
        let of_task = state.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                of_task.lock().unwrap().connections += 1;
                tokio::spawn(talk(BufReader::new(stream), of_task.clone()));
            }
        });
        Self { port, state, task }
    }

    /// What it does with the next of what comes; after these it takes it.
    pub fn will(&self, acts: &[Act]) {
        self.state().script.extend(acts);
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.state().taken.clone()
    }

    pub fn connections(&self) -> usize {
        self.state().connections
    }

    fn state(&self) -> MutexGuard<'_, State<Act, Taken>> {
        self.state.lock().unwrap()
    }
}

impl<Act, Taken> Drop for Scripted<Act, Taken> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A line without its end; none when the client has hung up.
pub async fn hear(client: &mut Client) -> Option<String> {
    let mut line = String::new();
    let bytes = client.read_line(&mut line).await.ok()?;
    (bytes > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
}
