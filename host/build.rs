//! Builds our plugins from the same checkout, as components, and hands them to the library to embed.
//!
//! The guests are built by a cargo of their own, for another machine and another profile, in a target folder of their
//! own (the outer cargo holds the lock of its). `REINSTATE_SKIP_GUESTS=1` leaves them out, for editors and lints.

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const GUESTS: [&str; 7] = ["tables", "users", "functions", "graphs", "definitions", "pgdump", "docspace"];
const WASM: &str = "wasm32-unknown-unknown";
const SKIP: &str = "REINSTATE_SKIP_GUESTS";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets it"));
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("Cargo sets it")).join("..");
    let target = target_folder(&out, &root);
    println!("cargo::rerun-if-env-changed={SKIP}");
    println!("cargo::rustc-env=REINSTATE_GUESTS_TARGET={}", target.display());

    let skip = env::var_os(SKIP).is_some_and(|value| !value.is_empty() && value != "0");
    let built = if skip { Vec::new() } else { build(&root, &target) };
    let list = out.join("bundled.rs");
    fs::write(&list, embed(&out, &built)).unwrap_or_else(|error| stop(&format!("{}: {error}", list.display())));
}

/// Beside the outer cargo's profiles, so that debug and release builds share the guests; one for each checkout.
fn target_folder(out: &Path, root: &Path) -> PathBuf {
    let mut checkout = DefaultHasher::new();
    root.canonicalize().unwrap_or_else(|_| root.to_owned()).hash(&mut checkout);
    let outer = out.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).unwrap_or(out);
    outer.join(format!("guests-{:016x}", checkout.finish()))
}

/// Builds the guests and returns each one's name and file.
fn build(root: &Path, target: &Path) -> Vec<(&'static str, PathBuf)> {
    let mut cargo = Command::new(env::var_os("CARGO").expect("Cargo sets it"));
    clean(&mut cargo);
    cargo.current_dir(root).args(["build", "--profile", "guest", "--target", WASM, "--locked"]);
    // The linker makes a component of the module; rustc brings it along.
    cargo.args(["--config", &format!("target.{WASM}.linker=\"wasm-component-ld\"")]);
    cargo.args(["--config", &format!("target.{WASM}.rustflags=[\"-C\", \"target-feature=+simd128\"]")]);
    cargo.arg("--target-dir").arg(target);
    for guest in GUESTS {
        cargo.args(["--package", &format!("reinstate-{guest}")]);
    }
    run(cargo);

    let files = target.join(WASM).join("guest");
    watch(root, &files);
    GUESTS.iter().map(|guest| (*guest, files.join(format!("reinstate_{guest}.wasm")))).collect()
}

/// Takes away what the outer cargo set for the host's build: it would choose another linker, flags or a lint driver.
fn clean(cargo: &mut Command) {
    const KEPT: [&str; 7] = ["HOME", "NET_", "HTTP_", "TERM_", "REGISTRIES_", "SOURCE_", "MAKEFLAGS"];
    const DROPPED: [&str; 12] = [
        "RUSTFLAGS",
        "RUSTDOC",
        "RUSTDOCFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_LINKER",
        "TARGET",
        "HOST",
        "OPT_LEVEL",
        "PROFILE",
        "DEBUG",
        "OUT_DIR",
        "NUM_JOBS",
    ];
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let of_cargo = text.strip_prefix("CARGO_").is_some_and(|rest| !KEPT.iter().any(|kept| rest.starts_with(kept)));
        if of_cargo || DROPPED.contains(&&*text) {
            cargo.env_remove(&name);
        }
    }
}

fn run(mut cargo: Command) {
    let output = cargo.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| stop(&format!("cargo could not be started for the plugins: {error}")));
    if output.status.success() {
        return;
    }
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("target may not be installed") {
        stop(&format!(
            "The plugins are built for {WASM}, which this Rust toolchain lacks. Run `rustup target add {WASM}`, \
             or set {SKIP}=1 to build without plugins"
        ));
    }
    stop(&format!("The plugins could not be built:\n{said}"));
}

/// Builds again when anything changes that went into a guest.
fn watch(root: &Path, files: &Path) {
    let mut inputs = BTreeSet::new();
    for guest in GUESTS {
        let list = files.join(format!("reinstate_{guest}.d"));
        let text = fs::read_to_string(&list).unwrap_or_else(|error| stop(&format!("{}: {error}", list.display())));
        inputs.extend(text.lines().filter_map(|line| line.split_once(": ")).flat_map(|(_, files)| dependencies(files)));
        inputs.insert(root.join("plugins").join(guest).join("Cargo.toml"));
    }
    inputs.extend(
        ["Cargo.toml", "Cargo.lock", "wit", "plugins/sdk/Cargo.toml", "host/build.rs"].map(|path| root.join(path)),
    );
    for input in inputs {
        println!("cargo::rerun-if-changed={}", input.display());
    }
}

/// The files of a line in make's syntax, where a backslash keeps a space in a name.
fn dependencies(line: &str) -> Vec<PathBuf> {
    let mut files = vec![String::new()];
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => files.last_mut().expect("Starts with one").extend(letters.next()),
            ' ' => files.push(String::new()),
            other => files.last_mut().expect("Starts with one").push(other),
        }
    }
    files.into_iter().filter(|file| !file.is_empty()).map(PathBuf::from).collect()
}

/// Copies the components to where only this build writes, and lists them as Rust.
fn embed(out: &Path, built: &[(&str, PathBuf)]) -> String {
    let mut list = String::from("&[\n");
    for (guest, file) in built {
        let copy = out.join(format!("{guest}.wasm"));
        if let Err(error) = fs::copy(file, &copy) {
            stop(&format!("{}: {error}", file.display()));
        }
        writeln!(list, "    (\"{guest}\", include_bytes!({:?})),", copy.as_os_str() as &OsStr)
            .expect("Writes to memory");
    }
    list + "]\n"
}

/// Ends the build with a message for people.
fn stop(message: &str) -> ! {
    for line in message.lines() {
        println!("cargo::error={line}");
    }
    std::process::exit(1)
}
