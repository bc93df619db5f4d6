//! `log`: lines for the operator, made harmless, cut and counted.

use wasmtime::component::{HasSelf, Linker};

use crate::plugin::bindings::reinstate::plugin::log::{self, Host, Level};
use crate::plugin::state::State;
use crate::plugin::text::harmless;
use crate::plugin::{Limits, LogLine};

/// Bytes of a line, where an error's text may be longer.
const LINE_BYTES: usize = 1024;

/// The lines of one instance that nobody has taken yet.
#[derive(Debug)]
pub(in crate::plugin) struct Log {
    lines: Vec<LogLine>,
    line_bytes: usize,
    most: u32,
    /// Lines of the current call, dropped ones included.
    seen: u64,
    last_error: Option<String>,
}

impl Log {
    pub(in crate::plugin) fn new(limits: &Limits) -> Self {
        let line_bytes = limits.text_bytes.min(LINE_BYTES);
        Self { lines: Vec::new(), line_bytes, most: limits.log_lines, seen: 0, last_error: None }
    }

    pub(in crate::plugin) fn begin_call(&mut self) {
        self.seen = 0;
        self.last_error = None;
    }

    /// What the plugin last said as an error in this call: a panic's message.
    pub(in crate::plugin) fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// The call's lines, with the number of those that were dropped.
    pub(in crate::plugin) fn end_call(&mut self) -> Vec<LogLine> {
        let dropped = self.seen.saturating_sub(u64::from(self.most));
        if dropped > 0 {
            let message = format!("{dropped} more lines were dropped; {} a call are kept", self.most);
            self.lines.push(LogLine { level: "warn", message });
        }
        std::mem::take(&mut self.lines)
    }

    fn push(&mut self, level: &'static str, message: &str) {
        self.seen += 1;
        let kept = self.seen <= u64::from(self.most);
        if !kept && level != "error" {
            return;
        }
        let message = harmless(message, self.line_bytes);
        if level == "error" {
            self.last_error = Some(message.clone());
        }
        if kept {
            self.lines.push(LogLine { level, message });
        }
    }
}

impl Host for State {
    fn write(&mut self, level: Level, message: String) {
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        self.log.push(level, &message);
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    log::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_counted() {
        let mut log = Log::new(&Limits { log_lines: 2, ..Limits::default() });
        log.begin_call();
        for line in 0..5 {
            log.push("info", &format!("line {line} {}", "x".repeat(5000)));
        }
        log.push("error", "panicked\u{1b}");
        assert_eq!(log.last_error(), Some("panicked\\u{1b}"));
        let lines = log.end_call();
        assert_eq!(lines.len(), 3);
        assert!(lines[1].message.len() <= LINE_BYTES + 3);
        assert!(lines[2].message.starts_with("4 more lines were dropped"), "{}", lines[2].message);
        log.begin_call();
        assert!(log.end_call().is_empty() && log.last_error().is_none());
    }
}
