//! Restores tables and views: definitions, rows, indexes, triggers.
//!
//! Rows are decoded by [`reinstate_plugin::rows`], which runs natively as well: `examples/decode_csv.rs` measures it.

mod attributes;
mod document;
mod handler;
/// What is a secret is said once, beside the plugin whose definitions have most of them.
#[path = "../../definitions/src/secrets.rs"]
mod secrets;
mod subscriptions;
mod table;
mod view;

pub use handler::Tables;

reinstate_plugin::export!(Tables);
