//! Restores functions, procedures and the environments they run in.

mod attributes;
mod handler;

pub use handler::Functions;

reinstate_plugin::export!(Functions);
