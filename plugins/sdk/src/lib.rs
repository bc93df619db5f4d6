//! What a plugin of reinstate is written with.
//!
//! A plugin restores kinds of objects: tables, users, a kind of your own. It is a WebAssembly component that runs
//! in reinstate's sandbox. It reads the one object it was called for and writes it to a stage through the
//! interfaces it imports; **what it imports is what an operator is asked to grant**, so call only what you need: the
//! linker drops every interface that no code of yours uses.
//!
//! # A whole plugin
//!
//! Say backups of your system hold objects of the kind `dashboard`: attributes with a title, and one entry with the
//! layout as JSON. The target keeps them as documents.
//!
//! ```
//! use reinstate_plugin::{
//!     Counts, Description, EntryReader, Failure, Finding, Handler, Kind, Object, Outlook, Target, definitions,
//! };
//! use serde::Deserialize;
//!
//! /// What the archive says of a dashboard.
//! #[derive(Deserialize)]
//! struct Attributes {
//!     title: String,
//!     /// The table it shows.
//!     table: Option<String>,
//! }
//!
//! struct Dashboards;
//!
//! impl Handler for Dashboards {
//!     fn describe() -> Description {
//!         reinstate_plugin::description!(Kind::in_schema("dashboard"))
//!     }
//!
//!     fn plan(object: &Object, _: &Target) -> Result<Outlook, Failure> {
//!         let attributes: Attributes = object.parse_attributes()?;
//!         let mut outlook = Outlook { bytes: object.entry_bytes(), ..Outlook::new() };
//!         if let Some(table) = &attributes.table {
//!             outlook.dependencies.push(object.sibling("table", table));
//!         }
//!         if attributes.title.is_empty() {
//!             outlook.findings.push(Finding::note("dashboard.no_title", "It has no title", "Give it one afterwards"));
//!         }
//!         Ok(outlook)
//!     }
//!
//!     fn begin(_: &Object, _: &Target) -> Result<(), Failure> {
//!         Ok(())
//!     }
//!
//!     fn restore(object: &Object, _: &Target, part: u32) -> Result<Counts, Failure> {
//!         let bytes = EntryReader::open(part).read_all(1 << 20)?;
//!         let document = String::from_utf8(bytes)
//!             .map_err(|_| Failure::new("dashboard.bad_layout", "The layout is not UTF-8").in_part(object, part))?;
//!         definitions::put(&document)?;
//!         Ok(Counts { rows: 0, bytes: document.len() as u64 })
//!     }
//!
//!     fn verify(_: &Object, _: &Target) -> Result<Vec<Finding>, Failure> {
//!         Ok(match definitions::get()? {
//!             Some(_) => Vec::new(),
//!             None => vec![Finding::refusal("dashboard.missing", "The layout was not staged", "Restore it again")],
//!         })
//!     }
//! }
//!
//! reinstate_plugin::export!(Dashboards);
//! ```
//!
//! Its `Cargo.toml`:
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib"]
//!
//! [dependencies]
//! reinstate-plugin = "0.1"
//! serde = { version = "1", features = ["derive"] }
//! ```
//!
//! Build it for `wasm32-unknown-unknown` and link it as a component; `wasm-component-ld` comes with rustc. Simd
//! makes reading text several times as fast:
//!
//! ```sh
//! RUSTFLAGS='-C target-feature=+simd128' cargo build --release --target wasm32-unknown-unknown \
//!     --config 'target.wasm32-unknown-unknown.linker="wasm-component-ld"'
//! reinstate plugin inspect target/wasm32-unknown-unknown/release/dashboards.wasm
//! ```
//!
//! Use the standard library freely as long as it touches no file, clock, socket or environment: there are none.
//! `HashMap` works; its keys are not random.
//!
//! # What the host promises, and what it expects
//!
//! - [`Handler::plan`] runs before anything is written and must be a function of its arguments: no interface that writes
//!   works, and entries cannot be read. What you report there is what the operator decides on.
//! - Every object gets a fresh instance, and every part may get one of its own. Keep nothing in statics.
//! - Entry `i` is part `i`. What [`Handler::restore`] writes for a part and the journal's row for it commit together, so a
//!   part is restored exactly once however often the restore is interrupted.
//! - [`Handler::verify`] reads the stage back. A [`Severity::Refusal`] fails the object before anyone has seen it.
//! - Memory and the time between two calls of the host are limited. Read in chunks (256 KiB is best) and append batches
//!   of about 1 MiB; both renew the deadline.
//! - A [`Failure`] fails this object only. Give it a stable dotted code, and entry, row and column where there are any. The
//!   host adds the object and the plugin. A panic works too, but nobody can search for it.
//!
//! # Rows
//!
//! With the feature `rows`, [`rows::restore`] turns a part in the form `csv`, `arrow`, or of PostgreSQL's COPY into batches, or
//! hands it on as it is where the target takes its form, and appends them to a
//! table of the object. It decodes several hundred megabytes a second; do not read rows one by one.
//!
//! # Foreign backups
//!
//! A plugin that understands a backup of another program implements [`Layout`] and says [`export_layout!`]: it recognises
//! its archives, reads them through an [`ArchiveReader`] (any place of any member, as it is stored) and gives the host
//! [`Item`]s: objects with attributes, dependencies, and payloads that say which bytes of which member they are and how these
//! are compressed. The host reads, decompresses and hands them to the handler as entries. A crate may export a layout,
//! a handler, or both; the kinds of a plugin with a layout are its own in the archives it recognised, and only there.
//!
//! # Testing
//!
//! Everything here compiles natively, where [`export!`] expands to nothing, so `cargo test` runs your parsers and plans as
//! ordinary code. The functions of the interfaces ([`tables::append`] and the like) exist in the sandbox only and panic
//! elsewhere: keep what you want to test generic over closures, as [`EntryReader::new`] is. A layout is tested with a
//! [`MemoryArchive`].

mod archive_reader;
mod attributes;
#[doc(hidden)]
pub mod bindings;
mod entry;
mod handler;
mod layout;
#[doc(hidden)]
pub mod layout_bindings;
mod panic;
#[cfg(feature = "rows")]
pub mod dialect;
#[cfg(feature = "rows")]
pub mod portable;
#[cfg(feature = "rows")]
pub mod rows;
mod values;

pub use archive_reader::{ArchiveReader, HostArchive, Member, MemberReader, MemoryArchive};
#[doc(hidden)]
pub use bindings::export_bindings;
pub use bindings::reinstate::plugin::types::{
    Counts, Entry, Failure, Finding, LeaveOut, Object, ObjectName, Severity, Subscriptions, Target,
};
pub use bindings::reinstate::plugin::{blobs, definitions, entries, log, principals, routines, sql, tables};
pub use entry::{CHUNK, EntryReader};
pub use handler::{Description, Exported, Handler, Kind, Outlook};
pub use layout::{Backup, Compression, ExportedLayout, Extent, Item, Layout, Payload, Section};
#[doc(hidden)]
pub use layout_bindings::export_layout_bindings;
pub use layout_bindings::reinstate::plugin::archive;
pub use values::{declared_rows, info};
