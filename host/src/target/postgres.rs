//! PostgreSQL: real schemas, roles and functions; staged beside the live objects or in a database of its own.

use std::sync::Arc;

mod arrow;
mod connection;
mod contents;
mod copy;
mod documents;
mod export;
mod failure;
mod fragment;
mod placement;
mod principals;
mod routines;
mod settings;
mod tables;
mod views;
mod work;

#[cfg(test)]
mod typed_tests;

pub use settings::{Environment, Settings};

/// A database of a PostgreSQL server.
pub struct PostgresTarget {
    settings: Arc<Settings>,
}

impl PostgresTarget {
    /// The database that the settings name; nothing is connected yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings: Arc::new(settings) }
    }
}
