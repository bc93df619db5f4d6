//! Restores definitions: objects that are one document, with references to others. Each kind's documents are held against the JSON Schema
//! in `schemas/`, which is published with the plugin.

mod document;
mod files;
mod handler;
mod kinds;
mod references;
mod schema;
mod secrets;
mod validate;

pub use handler::Definitions;

reinstate_plugin::export!(Definitions);
