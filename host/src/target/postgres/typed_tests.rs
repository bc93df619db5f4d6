//! The typed capabilities against a real server.

mod objects;
mod server;
mod tables;
