//! Compiles a foreign component in a process of its own, under limits of time and memory.
//!
//! A small, valid component can keep a compiler busy for a minute and a gigabyte; it must not take the host along.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wasmtime::component::Component;

use super::{trust, uncompilable};
use crate::error::{Error, Result};
use crate::plugin::Limits;
use crate::plugin::component::{Wasm, invalid};
use crate::plugin::engine::engine;
use crate::plugin::text::harmless;

const POLL: Duration = Duration::from_millis(5);
/// Bytes of what a compiler says that are repeated.
const SAID: u64 = 2048;

/// Runs `compiler plugin compile IN OUT` and takes what it wrote.
pub(super) fn compile(wasm: &Wasm, compiler: &Path, limits: &Limits) -> Result<Component> {
    let fault = |error: std::io::Error| {
        Error::new("host.io", format!("A plugin could not be compiled: {}: {error}", compiler.display()))
    };
    // Only we can read and write it, or what comes back could not be trusted.
    let folder = tempfile::Builder::new().prefix("reinstate-compile-").tempdir().map_err(fault)?;
    let (input, output) = (folder.path().join("in.wasm"), folder.path().join("out.cwasm"));
    fs::write(&input, &wasm.bytes).map_err(fault)?;
    let mut said = tempfile::tempfile().map_err(fault)?;
    let mut command = Command::new(compiler);
    command.args(["plugin", "compile"]).arg(&input).arg(&output);
    // Each thread takes address space, which is what is limited.
    command.env("RAYON_NUM_THREADS", "2");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said.try_clone().map_err(fault)?);
    let child = command.spawn().map_err(fault)?;
    match wait(child, limits.compile_time).map_err(fault)? {
        None => Err(invalid(&format!("It takes longer than {} s to compile", limits.compile_time.as_secs_f64()))),
        Some(status) if !status.success() => Err(refused(status, &mut said, limits)),
        Some(_) => fs::read(&output).ok().and_then(|code| trust(&code)).ok_or_else(|| {
            let message =
                format!("{} is not the program that runs plugins here, or another version", compiler.display());
            Error::new("host.internal", message)
        }),
    }
}

/// The child's status; `None` when it had to be stopped.
fn wait(mut child: Child, time: Duration) -> std::io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if began.elapsed() >= time {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

fn refused(status: ExitStatus, said: &mut File, limits: &Limits) -> Error {
    let mut text = Vec::new();
    let read = said.rewind().and_then(|()| said.take(SAID).read_to_end(&mut text));
    let text = harmless(&String::from_utf8_lossy(&text), limits.text_bytes);
    match (status.code(), read) {
        (Some(_), Ok(1..)) => invalid(&format!("It was not compiled: {text}")),
        // Allocation failures abort: that is how the limit shows.
        _ => invalid(&format!("It was not compiled within {} bytes of memory ({status})", limits.compile_bytes)),
    }
}

/// The other side: what `plugin compile IN OUT` does. Limits its own process before it looks at the component.
pub fn compile_file(input: &Path, output: &Path, limits: &Limits) -> Result<()> {
    limit(Resource::As, limits.compile_bytes)?;
    // Twice the time on all processors, in case whoever waits is gone.
    let processors = thread::available_parallelism().map_or(1, |count| count.get() as u64);
    limit(Resource::Cpu, limits.compile_time.as_secs().saturating_add(1).saturating_mul(2 * processors))?;
    translate(input, output, limits)
}

/// Compiles, in this process as it is.
pub(in crate::plugin) fn translate(input: &Path, output: &Path, limits: &Limits) -> Result<()> {
    let wasm = Wasm::open(input, limits.component_bytes)?;
    let code = engine()?.precompile_component(&wasm.bytes).map_err(|error| uncompilable(&error))?;
    fs::write(output, code).map_err(|error| Error::new("host.io", format!("{}: {error}", output.display())))
}

fn limit(resource: Resource, most: u64) -> Result<()> {
    let maximum = getrlimit(resource).maximum;
    let current = Some(maximum.map_or(most, |maximum| maximum.min(most)));
    setrlimit(resource, Rlimit { current, maximum })
        .map_err(|error| Error::new("host.internal", format!("The compiler could not be limited: {error}")))
}
