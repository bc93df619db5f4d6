//! How a restore looks while it runs: a bar with rate and time left on a terminal, a line now and then elsewhere.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::restore::Event;
use crate::text::{bytes, counted, escape};

/// Time between two lines where there is no terminal.
const PACE: Duration = Duration::from_secs(2);
/// Log levels that are worth a line.
const SHOWN: [&str; 2] = ["warn", "error"];

/// Shows a restore's events on standard error.
pub(super) struct Progress {
    bar: ProgressBar,
    terminal: bool,
    state: Mutex<State>,
}

struct State {
    objects: u64,
    staged: u64,
    total_bytes: u64,
    bytes: u64,
    last_line: Instant,
}

impl Progress {
    /// Progress on standard error.
    pub(super) fn new() -> Self {
        let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let template = "{bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec}, {eta} left  {wide_msg}";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(0), target).with_style(style);
        let state = State { objects: 0, staged: 0, total_bytes: 0, bytes: 0, last_line: Instant::now() };
        Self { bar, terminal, state: Mutex::new(state) }
    }

    /// Takes one event in.
    pub(super) fn show(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            Event::Started { job, objects, bytes: total, done, .. } => {
                (state.objects, state.total_bytes, state.bytes) = (*objects, *total, done.bytes);
                self.bar.set_length(*total);
                self.bar.set_position(done.bytes);
                self.bar.reset_eta();
                self.line(&format!("Job {job}: {}, {}", counted(*objects, "object"), bytes(*total)));
            }
            Event::ObjectStarted { object } => self.bar.set_message(escape(&object.to_string()).into_owned()),
            Event::Committed { counts, .. } => {
                state.bytes += counts.bytes;
                self.bar.set_position(state.bytes);
                self.pace(&mut state);
            }
            Event::ObjectStaged { .. } => {
                state.staged += 1;
                self.pace(&mut state);
            }
            Event::ObjectFailed { object, error } => self.line(&escape(&format!("Failed: {object}: {error}"))),
            Event::Log { plugin, object, line } if SHOWN.contains(&line.level) => {
                self.line(&escape(&format!("{plugin}, {object}: {}", line.message)));
            }
            Event::Log { .. } => {}
            Event::Rehearsing => self.phase("Everything is staged and verified; rehearsing the switch"),
            Event::Switching => self.phase("Switching"),
        }
    }

    /// Removes the bar.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn phase(&self, text: &str) {
        self.bar.set_message(text.to_owned());
        if !self.terminal {
            self.line(text);
        }
    }

    fn line(&self, text: &str) {
        if self.terminal {
            self.bar.suspend(|| eprintln!("{text}"));
        } else {
            eprintln!("{text}");
        }
    }

    fn pace(&self, state: &mut State) {
        if self.terminal || state.last_line.elapsed() < PACE {
            return;
        }
        state.last_line = Instant::now();
        let (done, total) = (bytes(state.bytes), bytes(state.total_bytes));
        self.line(&format!("Staged {} of {}, {done} of {total}", state.staged, counted(state.objects, "object")));
    }
}
