//! Reads pg_dump archives (custom, directory and tar formats, and scripts of roles) and restores what they hold.

pub mod attributes;
mod handler;
pub mod kinds;
mod layout;

pub use handler::PgDumpHandler;
pub use layout::PgDump;

reinstate_plugin::export!(PgDumpHandler);
reinstate_plugin::export_layout!(PgDump);
