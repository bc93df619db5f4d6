//! What others notice.
