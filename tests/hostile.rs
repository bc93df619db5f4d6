//! Promise 4: nothing hostile gets out. Archives that attack the reader, contents that attack the target and plugins that
//! attack the host: each fails with a stable code that names what it was, and the target is as it was before.

mod support;

#[path = "hostile/archives.rs"]
mod archives;
#[path = "hostile/contents.rs"]
mod contents;
#[path = "hostile/craft.rs"]
mod craft;
#[path = "hostile/plugins.rs"]
mod plugins;
#[path = "hostile/scene.rs"]
mod scene;
