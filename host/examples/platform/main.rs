//! A platform that restores its own objects: reinstate as a library, with a target, a plugin folder and a rule of its own.
//!
//! `cargo run --example platform` builds the plugin and runs it all; `-- FOLDER` takes plugins that are built already.
#![allow(clippy::print_stdout, reason = "An example shows what happens")]
#![allow(unreachable_pub, reason = "Nobody reaches into a program; `pub` is for its own modules")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reinstate::archive::{Archive, OpenOptions};
use reinstate::cancel::Cancel;
use reinstate::catalog::ObjectName;
use reinstate::error::{Error, Result};
use reinstate::plan::{Options, Policy};
use reinstate::plugin::PluginOptions;
use reinstate::restore::{Event, Host, Report, Restore, Watch};
use reinstate::source::Location;
use reinstate::target::Target;
use serde_json::json;

mod archive;
mod plugin;
mod stage;
mod state;
mod target;
mod window;

use state::Document;
use target::Platform;
use window::MaintenanceWindow;

#[tokio::main]
async fn main() -> Result<()> {
    let plugins = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => plugin::build()?,
    };
    let folder = tempfile::tempdir().map_err(|error| Error::new("host.io", error.to_string()))?;
    run(folder.path(), plugins).await
}

/// Monday's backup comes back on Wednesday.
async fn run(folder: &Path, plugins: PathBuf) -> Result<()> {
    let platform = Arc::new(Platform::new(&folder.join("platform")));
    platform.edit(|objects| {
        let today = json!({ "title": "Sales (broken)" });
        objects.insert(dashboard("sales"), Document { body: Some(today), ..Document::default() });
    })?;
    let backup = folder.join("monday.tar");
    let written = archive::write(&backup)?;
    println!("Wrote a backup of {} objects", written.objects);

    // What every restore of this program shares.
    let mut host = Host::new(&PluginOptions {
        folder: Some(plugins),
        grants: vec!["definitions".to_owned()],
        ..PluginOptions::default()
    })?;
    let announcement = folder.join("platform/maintenance");
    host.preconditions.push(Arc::new(MaintenanceWindow { announcement: announcement.clone() }));

    // What is restored, and into what.
    let restore = Restore {
        host: Arc::new(host),
        archive: Arc::new(Archive::open(&Location::Path(backup), &OpenOptions::default())?),
        globals: None,
        target: platform.clone(),
    };

    heading("The plan, which the platform's own rule refuses");
    let options = Options { restore_policy: Policy::Replace, ..Options::default() };
    let plan = reinstate::plan(&restore, &options).await?;
    println!("{}", reinstate::plan::render(&plan));

    heading("Applied all the same: refused, and nothing is written");
    let report = reinstate::apply(&restore, &plan, &Watch::default()).await;
    show(&platform, &report)?;

    heading("A window is announced, and someone stops the restore while it stages");
    std::fs::write(&announcement, "Wednesday, 14:00 to 15:00")
        .map_err(|error| Error::new("host.io", error.to_string()))?;
    let plan = reinstate::plan(&restore, &options).await?;
    let cancel = Cancel::default();
    let stop = cancel.clone();
    let watch = Watch {
        observer: Arc::new(move |event| {
            if matches!(event, Event::ObjectStaged { .. }) {
                stop.cancel();
            }
        }),
        cancel,
        ..Watch::default()
    };
    let report = reinstate::apply(&restore, &plan, &watch).await;
    show(&platform, &report)?;

    heading("Resumed, with its events");
    let (watch, mut events) = Watch::channel();
    let listener = tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            tell(&event);
        }
    });
    let job = report.job.unwrap_or_default();
    let report = reinstate::resume(&restore, &job, &watch).await;
    // The channel ends when nobody can send any more.
    drop(watch);
    listener.await.map_err(|error| Error::new("host.internal", error.to_string()))?;
    show(&platform, &report)?;

    heading("Undone");
    platform.undo(&job)?;
    list(&platform)
}

fn dashboard(name: &str) -> ObjectName {
    ObjectName::new("dashboard", Some("main"), name)
}

fn heading(text: &str) {
    println!("\n== {text}");
}

/// How a restore ended, and what the platform's users see now.
fn show(platform: &Platform, report: &Report) -> Result<()> {
    println!("{:?}", report.status);
    if let Some(error) = &report.error {
        println!("  {}: {error}; {}", error.code(), error.details().state);
    }
    for finding in &report.findings {
        println!("  {}: {}; {}", finding.code, finding.message, finding.fix);
    }
    list(platform)
}

fn list(platform: &Platform) -> Result<()> {
    for (name, document) in platform.objects()? {
        let title = document.body.as_ref().and_then(|body| body["title"].as_str()).unwrap_or_default();
        println!("  now there: {name} {title}");
    }
    Ok(())
}

fn tell(event: &Event) {
    match event {
        Event::Started { objects, done, .. } => {
            println!("  started with {objects} objects; {} bytes were staged before", done.bytes);
        }
        Event::ObjectStaged { object, counts, .. } => println!("  staged {object}: {} bytes", counts.bytes),
        Event::ObjectFailed { object, error } => println!("  failed {object}: {error}"),
        Event::Log { object, line, .. } => println!("  {object} says: {}", line.message),
        Event::Rehearsing => println!("  rehearsing"),
        Event::Switching => println!("  switching"),
        // A restore of large objects moves a progress bar with these.
        Event::ObjectStarted { .. } | Event::Committed { .. } => {}
    }
}
