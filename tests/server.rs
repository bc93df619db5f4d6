//! The API through the real server: what it does, whom it lets do it, and what it says to requests that are wrong.
#![cfg(feature = "failpoints")]

mod support;

#[path = "server/backups.rs"]
mod backups;
#[path = "server/description.rs"]
mod description;
#[path = "server/journey.rs"]
mod journey;
#[path = "server/problems.rs"]
mod problems;
#[path = "server/rights.rs"]
mod rights;
#[path = "server/scene.rs"]
mod scene;
#[path = "server/starts.rs"]
mod starts;
#[path = "server/steering.rs"]
mod steering;
#[path = "server/uploads.rs"]
mod uploads;
