//! Readers that look at a database all the time, as the users of a live system do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Client, Server};

/// Threads that run one query about a thousand times a second and remember every different answer, in the order they came.
pub struct Readers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Seen>>,
}

/// What one reader saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Answers, and errors by their SQLSTATE, without repetitions.
    pub answers: Vec<String>,
    /// How often it asked.
    pub asked: u64,
}

impl Readers {
    /// Starts them. A reader whose connection ends connects again.
    pub fn start(server: &Server, database: &str, count: usize, query: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let address = (server.folder.path().to_owned(), server.port, database.to_owned());
        let thread = |_| {
            let (stop, query, address) = (Arc::clone(&stop), query.to_owned(), address.clone());
            std::thread::spawn(move || read(&address.0, address.1, &address.2, &query, &stop))
        };
        let threads = (0..count).map(thread).collect();
        Self { stop, threads }
    }

    /// Stops them and gives what each saw.
    pub fn stop(self) -> Vec<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().map(|thread| thread.join().expect("a reader")).collect()
    }
}

fn read(socket: &std::path::Path, port: u16, database: &str, query: &str, stop: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let mut client = None;
    while !stop.load(Ordering::Relaxed) {
        let Some(open) = &client else {
            client = Client::at(socket, port, "postgres", database).ok();
            std::thread::sleep(Duration::from_millis(1));
            continue;
        };
        let answer = match open.try_query(query) {
            Ok(rows) => format!("{rows:?}"),
            Err(error) => match error.code() {
                // The database's name is another's for the moment: whoever is closed out comes back.
                None => {
                    client = None;
                    continue;
                }
                Some(code) if code.code().starts_with("57P") => {
                    client = None;
                    continue;
                }
                Some(code) => code.code().to_owned(),
            },
        };
        if seen.answers.last() != Some(&answer) {
            seen.answers.push(answer);
        }
        seen.asked += 1;
        std::thread::sleep(Duration::from_millis(1));
    }
    seen
}
