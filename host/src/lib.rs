//! A host for restore handlers: reads backup archives, plans, checks, stages, verifies, switches and reports;
//! every object is restored by a sandboxed WebAssembly plugin.
//!
//! The modules are the line that data takes, and each may only name those before it.

pub mod error;

pub mod archive;
pub mod backup;
pub mod cancel;
pub mod catalog;
pub mod check;
pub mod cli;
pub mod failpoint;
pub mod pack;
pub mod plan;
pub mod plugin;
pub mod restore;
pub mod source;
pub mod target;

pub use error::{Error, Result};
