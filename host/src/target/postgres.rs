//! PostgreSQL: real schemas, roles and functions; staged beside the live objects or in a database of its own.

use std::sync::Arc;

mod connection;
mod documents;
mod facts;
mod failure;
mod placement;
mod principals;
mod routines;
mod settings;
mod tables;
mod tls;
mod views;
mod work;

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
