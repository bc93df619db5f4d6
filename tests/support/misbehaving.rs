//! Builds `tests/misbehaving`, and guests like it, once for a test process, as our own plugins are built.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// Where the component is.
pub(crate) static COMPONENT: LazyLock<PathBuf> = LazyLock::new(|| build("misbehaving"));

/// Builds the guest of that name in `tests/`.
pub(crate) fn build(guest: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests").join(guest);
    let target = Path::new(env!("REINSTATE_GUESTS_TARGET"));
    let output = Command::new(env!("CARGO"))
        .current_dir(package)
        .args(["build", "--profile", "guest", "--locked", "--target", "wasm32-unknown-unknown", "--target-dir"])
        .arg(target)
        .args(["--config", "target.wasm32-unknown-unknown.linker=\"wasm-component-ld\""])
        .args(["--config", "target.wasm32-unknown-unknown.rustflags=[\"-C\", \"target-feature=+simd128\"]"])
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("Cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join("wasm32-unknown-unknown/guest").join(format!("{guest}.wasm"))
}
