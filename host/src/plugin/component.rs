//! A component file, read and refused before anything is compiled: its size, its shape, its imports.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use wasmparser::{Encoding, Parser, Payload};

use super::grant::Interface;
use super::text::harmless;
use crate::catalog::Digest;
use crate::error::{Error, Result};

/// Compilers are slow where there is much of these: a valid module of 2 MiB with 200,000 functions took a minute.
const FUNCTIONS: u64 = 50_000;
const TYPES: u64 = 10_000;
const CORE_INSTANCES: u64 = 32;

const PACKAGE: &str = "reinstate:plugin/";

/// A component that may be compiled.
#[derive(Debug)]
pub(super) struct Wasm {
    pub(super) bytes: Cow<'static, [u8]>,
    pub(super) digest: Digest,
    /// Its imports, which are its permissions.
    pub(super) imports: BTreeSet<Interface>,
    pub(super) exports: Exports,
}

/// What it offers; at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Exports {
    /// Restores kinds of objects.
    pub(super) handler: bool,
    /// Understands foreign backups.
    pub(super) layout: bool,
}

impl Wasm {
    /// Reads a file of at most `limit` bytes.
    pub(super) fn open(path: &Path, limit: u64) -> Result<Self> {
        let fault =
            |error: std::io::Error| Error::new("plugin.invalid", format!("{} cannot be read: {error}", path.display()));
        let file = File::open(path).map_err(fault)?;
        if !file.metadata().map_err(fault)?.is_file() {
            return Err(Error::new("plugin.invalid", format!("{} is not a file", path.display())));
        }
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(fault)?;
        if bytes.len() as u64 > limit {
            let message = format!("{} is larger than {limit} bytes, the limit for a plugin", path.display());
            return Err(Error::new("plugin.invalid", message));
        }
        Self::new(bytes.into()).map_err(|error| in_file(error, path))
    }

    /// Looks at the bytes of a component.
    pub(super) fn new(bytes: Cow<'static, [u8]>) -> Result<Self> {
        let shape = Shape::read(&bytes)?;
        let digest = Digest(Sha256::digest(&bytes).into());
        Ok(Self { bytes, digest, imports: shape.imports, exports: shape.exports })
    }
}

/// Puts the file before the message.
pub(super) fn in_file(error: Error, path: &Path) -> Error {
    Error::new(error.details().code.clone(), format!("{}: {error}", path.display()))
}

/// What was counted.
#[derive(Default)]
struct Shape {
    /// How many components and modules enclose what is being read.
    nesting: Vec<Encoding>,
    functions: u64,
    types: u64,
    core_instances: u64,
    imports: BTreeSet<Interface>,
    exports: Exports,
}

impl Shape {
    fn read(bytes: &[u8]) -> Result<Self> {
        let mut shape = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(malformed)?;
            shape.see(&payload)?;
            shape.check_counts()?;
        }
        if shape.exports == Exports::default() {
            let message = "It exports neither `reinstate:plugin/handler` nor `reinstate:plugin/layout`, so there is nothing it restores or reads";
            return Err(invalid(message));
        }
        Ok(shape)
    }

    fn see(&mut self, payload: &Payload<'_>) -> Result<()> {
        match payload {
            Payload::Version { encoding, .. } => return self.enter(*encoding),
            Payload::End(_) => drop(self.nesting.pop()),
            Payload::FunctionSection(section) => self.functions += u64::from(section.count()),
            Payload::ImportSection(section) => self.functions += u64::from(section.count()),
            Payload::ComponentCanonicalSection(section) => self.functions += u64::from(section.count()),
            Payload::TypeSection(section) => self.types += u64::from(section.count()),
            Payload::CoreTypeSection(section) => self.types += u64::from(section.count()),
            Payload::ComponentTypeSection(section) => self.types += u64::from(section.count()),
            Payload::InstanceSection(section) => self.core_instances += u64::from(section.count()),
            Payload::ComponentImportSection(section) if self.nesting.len() == 1 => {
                for import in section.clone() {
                    self.imports.insert(interface(import.map_err(malformed)?.name.name)?);
                }
            }
            Payload::ComponentExportSection(section) if self.nesting.len() == 1 => {
                for export in section.clone() {
                    match ours(export.map_err(malformed)?.name.name) {
                        Some("handler") => self.exports.handler = true,
                        Some("layout") => self.exports.layout = true,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn enter(&mut self, encoding: Encoding) -> Result<()> {
        if self.nesting.is_empty() && encoding == Encoding::Module {
            return Err(invalid("It is a core module, not a component; link it with `wasm-component-ld`"));
        }
        // Components inside only rename what the outer one exports. With code of their own they are a composition, the
        // youngest part of the engine, which no plugin needs.
        if self.nesting.len() > 1 && encoding == Encoding::Module {
            return Err(invalid("It is composed of several components, which is not supported"));
        }
        self.nesting.push(encoding);
        Ok(())
    }

    fn check_counts(&self) -> Result<()> {
        let counts = [
            (self.functions, FUNCTIONS, "functions"),
            (self.types, TYPES, "types"),
            (self.core_instances, CORE_INSTANCES, "core instances"),
        ];
        match counts.into_iter().find(|(count, limit, _)| count > limit) {
            Some((count, limit, what)) => {
                Err(invalid(&format!("It has {count} {what}; {limit} are the limit for a plugin")))
            }
            None => Ok(()),
        }
    }
}

/// The interface behind an import's name; refuses what no host of ours has.
fn interface(name: &str) -> Result<Interface> {
    if let Some(interface) = ours(name).and_then(Interface::named) {
        return Ok(interface);
    }
    let shown = harmless(name, 200);
    if name.starts_with("wasi:") {
        let message = format!(
            "It imports `{shown}`; this host offers plugins no WASI. Build it for wasm32-unknown-unknown, which needs none"
        );
        return Err(Error::new("plugin.not_granted", message));
    }
    Err(invalid(&format!("It imports `{shown}`, which this host does not offer")))
}

/// The interface's name in `reinstate:plugin/NAME@0.2.x`.
fn ours(name: &str) -> Option<&str> {
    let (interface, version) = name.strip_prefix(PACKAGE)?.split_once('@')?;
    let patch = version.strip_prefix("0.2.")?;
    (!patch.is_empty() && patch.bytes().all(|b| b.is_ascii_digit())).then_some(interface)
}

fn malformed(error: wasmparser::BinaryReaderError) -> Error {
    let reason = harmless(error.message(), 200);
    invalid(&format!("It is not a WebAssembly component: {reason} (at byte {})", error.offset()))
}

pub(super) fn invalid(message: &str) -> Error {
    Error::new("plugin.invalid", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let error = Wasm::new(wat::parse_str(text).unwrap().into()).unwrap_err();
        format!("{}: {error}", error.code())
    }

    #[test]
    fn says_why_a_file_is_no_plugin() {
        let instance = "(instance (export \"f\" (func)))";
        let import = |name: &str| format!("(component (import \"{name}\" {instance}))");
        let functions = format!("(component (core module {}))", "(func)".repeat(50_001));
        let instances = format!("(component (core module $m) {})", "(core instance (instantiate $m))".repeat(33));
        let cases = [
            ("(module)".to_owned(), "plugin.invalid: It is a core module"),
            ("(component)".to_owned(), "plugin.invalid: It exports neither"),
            (import("wasi:cli/environment@0.2.3"), "plugin.not_granted: It imports `wasi:cli/environment@0.2.3`"),
            (import("evil:corp/shell@1.0.0"), "plugin.invalid: It imports `evil:corp/shell@1.0.0`"),
            (import("reinstate:plugin/http@0.2.0"), "plugin.invalid: It imports `reinstate:plugin/http@0.2.0`"),
            (import("reinstate:plugin/tables@0.1.0"), "plugin.invalid: It imports"),
            (import("reinstate:plugin/tables@0.2.0-rc.1"), "plugin.invalid: It imports"),
            ("(component (component (core module)))".to_owned(), "plugin.invalid: It is composed"),
            (functions, "plugin.invalid: It has 50001 functions"),
            (instances, "plugin.invalid: It has 33 core instances"),
        ];
        for (text, expected) in cases {
            let said = refused(&text);
            assert!(said.starts_with(expected), "{said}");
        }
    }

    #[test]
    fn damaged_files_are_refused_wherever_they_are_cut() {
        let whole = wat::parse_str("(component (core module (func)) (component))").unwrap();
        for end in 0..whole.len() {
            assert_eq!(Wasm::new(whole[..end].to_vec().into()).unwrap_err().code(), "plugin.invalid");
        }
        assert_eq!(Wasm::new(b"#!/bin/sh".to_vec().into()).unwrap_err().code(), "plugin.invalid");
    }

    #[test]
    fn files_over_the_limit_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.wasm");
        std::fs::write(&path, [0; 101]).unwrap();
        let error = Wasm::open(&path, 100).unwrap_err();
        assert!(error.to_string().contains("larger than 100 bytes"), "{error}");
        assert_eq!(Wasm::open(folder.path(), 100).unwrap_err().code(), "plugin.invalid");
    }
}
