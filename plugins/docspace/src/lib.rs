//! Reads backups of DocSpace: a portal's backup, whose tables are XML, and a whole server's dump, whose tables are MySQL's text.
//!
//! The layout finds tables, users, roles and stored files; the handler decodes the tables' rows. Users and roles go to the plugin
//! `users`, stored files, as directories, to the plugin `definitions`: both know what targets make of them.

mod attributes;
mod convert;
mod dump;
mod fault;
mod handler;
mod layout;
mod portal;
mod rows;
mod xml;

pub use handler::DocSpaceHandler;
pub use layout::DocSpace;

reinstate_plugin::export!(DocSpaceHandler);
reinstate_plugin::export_layout!(DocSpace);
