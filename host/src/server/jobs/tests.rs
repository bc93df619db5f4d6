//! Jobs from their start to their end, steered at every moment, over targets that can be held up.

mod engine;
mod recorder;
mod scene;
mod steer;
mod store;
