//! Running the server: its port, its configuration, its end, and what is left of it when it is killed.
#![cfg(feature = "failpoints")]

mod support;

#[path = "serving/mail.rs"]
mod mail;
#[path = "serving/port.rs"]
mod port;
#[path = "serving/scene.rs"]
mod scene;
#[path = "serving/secrets.rs"]
mod secrets;
#[path = "serving/settings.rs"]
mod settings;
#[path = "serving/soak.rs"]
mod soak;
#[path = "serving/stopping.rs"]
mod stopping;
#[path = "serving/telling.rs"]
mod telling;
