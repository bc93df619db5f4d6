//! Builds the platform's plugin into a folder. A real platform ships the folder with its program.

use std::path::PathBuf;
use std::process::Command;

use reinstate::error::{Error, Result};

/// The folder with the component of `plugins/dashboards`, built by the command that its authors use.
pub fn build() -> Result<PathBuf> {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../plugins/dashboards");
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&source).args(["build", "--release", "--target", "wasm32-unknown-unknown"]);
    let failed = |reason: String| Error::new("host.io", format!("The plugin cannot be built: {reason}"));
    match cargo.status() {
        Ok(status) if status.success() => Ok(source.join("../../target/wasm32-unknown-unknown/release")),
        Ok(status) => Err(failed(format!("cargo ended with {status}"))),
        Err(error) => Err(failed(error.to_string())),
    }
}
