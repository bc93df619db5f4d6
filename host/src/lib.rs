//! A host for restore handlers: reads backup archives, plans, checks, stages, verifies, switches and reports;
//! every object is restored by a sandboxed WebAssembly plugin.
//!
//! The modules are the line that data takes, and each may only name those before it.

pub mod name;
pub mod finding;
pub mod error;
pub mod text;
pub mod cancel;
pub mod failpoint;
pub mod source;
pub mod repository;
pub mod archive;
pub mod catalog;
pub mod selector;
pub(crate) mod sql;
pub mod facts;
pub mod backup;
pub mod pack;
pub mod plan;
pub mod target;
pub mod snapshot;
pub mod check;
pub mod plugin;
pub mod restore;
pub mod server;
pub mod cli;

pub use error::{Error, Result};
pub use restore::{apply, plan, resume};
