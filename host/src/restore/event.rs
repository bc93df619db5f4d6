//! What happens while a restore runs, said once; terminals, streams and the report only listen.

use std::sync::Arc;

use crate::cancel::Cancel;
use crate::catalog::ObjectName;
use crate::error::Error;
use crate::plugin::LogLine;
use crate::target::Counts;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The job is recorded in the target and its stage is open.
    Started {
        /// Its name.
        job: String,
        /// Objects it restores.
        objects: u64,
        /// Rows it expects.
        rows: u64,
        /// Bytes it will read, uncompressed.
        bytes: u64,
        /// What an earlier run of the job has committed already.
        done: Counts,
    },
    /// Work on an object began.
    ObjectStarted {
        /// Its name in the target.
        object: ObjectName,
    },
    /// Rows and bytes were committed to the stage.
    Committed {
        /// Whose.
        object: ObjectName,
        /// How many, not counted before.
        counts: Counts,
    },
    /// The object is staged and verified.
    ObjectStaged {
        /// Its name in the archive.
        source: ObjectName,
        /// Its name in the target.
        object: ObjectName,
        /// All of it.
        counts: Counts,
        /// Entries read for it.
        files: u64,
    },
    /// The object could not be restored.
    ObjectFailed {
        /// Its name in the target.
        object: ObjectName,
        /// Why.
        error: Error,
    },
    /// A plugin said something.
    Log {
        /// The plugin.
        plugin: String,
        /// The object it works on.
        object: ObjectName,
        /// What.
        line: LogLine,
    },
    /// Everything is staged; the switch is being rehearsed.
    Rehearsing,
    /// The switch begins.
    Switching,
}

/// Who watches a restore, and how it is stopped.
#[derive(Clone)]
pub struct Watch {
    /// Gets every event, from any thread, and should return at once.
    pub observer: Arc<dyn Fn(&Event) + Send + Sync>,
    /// Stops the job at the next safe place.
    pub cancel: Cancel,
    /// What the job is to be called, by [`super::new_job_name`]; a new name where absent.
    pub job: Option<String>,
}

impl Default for Watch {
    fn default() -> Self {
        Self { observer: Arc::new(|_| ()), cancel: Cancel::default(), job: None }
    }
}

impl Watch {
    /// A watch whose events arrive on a channel.
    pub fn channel() -> (Self, tokio::sync::mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        // A receiver that was dropped does not want the events any more.
        let observer = Arc::new(move |event: &Event| drop(sender.send(event.clone())));
        (Self { observer, ..Self::default() }, receiver)
    }
}
