//! Restores users and roles: what belongs to them, their secrets only as the hashes they came as.

mod attributes;
mod handler;

pub use handler::Users;

reinstate_plugin::export!(Users);
