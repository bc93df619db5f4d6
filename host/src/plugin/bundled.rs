//! Our own plugins, built from the same checkout and embedded.

/// Name and component of each; empty when the program was built with `REINSTATE_SKIP_GUESTS`.
pub(super) const BUNDLED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));
