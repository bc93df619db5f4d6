//! Restores tables and views: definitions, rows, indexes, triggers.
//!
//! Rows are decoded by [`reinstate_plugin::rows`], which runs natively as well: `examples/decode_csv.rs` measures it.

mod attributes;
mod document;
mod handler;
mod subscriptions;
mod table;
mod view;

pub use handler::Tables;

reinstate_plugin::export!(Tables);
