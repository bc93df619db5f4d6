//! The typed capabilities against a real server.

mod back;
mod objects;
mod server;
mod tables;
