//! Reads pg_dump archives (custom, directory and tar formats, and scripts of roles) and restores what they hold.

pub mod attributes;
