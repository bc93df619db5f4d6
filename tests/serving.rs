//! Running the server: its port, its configuration, its end, and what is left of it when it is killed.
#![cfg(feature = "failpoints")]

mod support;
