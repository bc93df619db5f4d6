//! Facts of real databases.
