//! Every option with every value, under every policy: what a target holds afterwards is what is written here by hand.

mod support;

#[path = "options/policies.rs"]
mod policies;
#[path = "options/postgres.rs"]
mod postgres;
#[path = "options/principals.rs"]
mod principals;
#[path = "options/scene.rs"]
mod scene;
