//! Restores graphs: a table of nodes, a table of edges between them, and a document that says how they belong together.

mod attributes;
mod handler;

pub use handler::Graphs;

reinstate_plugin::export!(Graphs);
