//! Loads plugins: reads each, decides what it gets, and asks what it restores.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;

use super::bundled::BUNDLED;
use super::cache::Cache;
use super::compile::Origin;
use super::component::{Wasm, in_file};
use super::describe::{Described, describe, layout_only};
use super::grant::{Grants, Interface, decide};
use super::guest::Guest;
use super::inspect::{Inspection, permissions};
use super::recipe::Recipe;
use super::{Plugin, PluginOptions};
use crate::error::{Error, Result};

/// Our own plugins and those of the folder, in order of their names; no two of one name or for one kind.
pub(super) fn all(options: &PluginOptions) -> Result<Vec<Plugin>> {
    // Mistakes are told before time is spent on compiling.
    Grants::parse(&options.grants)?;
    if BUNDLED.is_empty() && options.folder.is_none() {
        let message =
            "This program was built without its plugins (REINSTATE_SKIP_GUESTS was set); build it again without that";
        return Err(Error::new("host.internal", message));
    }
    let files = options.folder.as_deref().map(components).transpose()?.unwrap_or_default();
    let mut all = bundled(options)?;
    for path in files {
        all.push(foreign(&path, options)?);
    }
    check_names(&all)?;
    all.sort_by(|one, other| one.inspection.name.cmp(&other.inspection.name));
    Ok(all)
}

/// Side by side: at the first start each has to be compiled.
fn bundled(options: &PluginOptions) -> Result<Vec<Plugin>> {
    thread::scope(|scope| {
        let start = |(name, bytes): &(&'static str, &'static [u8])| {
            let (name, bytes) = (*name, *bytes);
            scope.spawn(move || own(name, bytes, options))
        };
        let started: Vec<_> = BUNDLED.iter().map(start).collect();
        let lost = |_| Err(Error::new("host.internal", "Loading a plugin panicked"));
        started.into_iter().map(|loaded| loaded.join().unwrap_or_else(lost)).collect()
    })
}

/// One of our own plugins.
pub(super) fn own(name: &str, bytes: &'static [u8], options: &PluginOptions) -> Result<Plugin> {
    let wasm = Wasm::new(bytes.into());
    let loaded = wasm.and_then(|wasm| plugin(wasm, name, Origin::Bundled, &Grants::Imported, options));
    loaded.map_err(|error| Error::new("host.internal", format!("Our own plugin `{name}`: {error}")))
}

/// A plugin of someone else's.
pub(super) fn foreign(path: &Path, options: &PluginOptions) -> Result<Plugin> {
    let grants = Grants::parse(&options.grants)?;
    let wasm = Wasm::open(path, options.limits.component_bytes)?;
    let called = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut plugin = plugin(wasm, &called, Origin::Foreign, &grants, options).map_err(|error| in_file(error, path))?;
    plugin.inspection.file = Some(path.to_owned());
    Ok(plugin)
}

/// `called` names a component that cannot say its name itself.
fn plugin(wasm: Wasm, called: &str, origin: Origin, grants: &Grants, options: &PluginOptions) -> Result<Plugin> {
    let decision = decide(&wasm.imports, grants);
    let recipe = Recipe { wasm, origin, decision, options: options.clone() };
    let cache = options.cache.as_deref().and_then(Cache::open);
    let kept = cache.as_ref().and_then(|cache| cache.description(&recipe.wasm.digest));
    let (described, guest) = match kept {
        _ if !recipe.wasm.exports.handler => (layout_only(called, &recipe.wasm.digest), OnceLock::new()),
        // What an older program kept may not know of layouts.
        Some(described) => (Described { layout: recipe.wasm.exports.layout, ..described }, OnceLock::new()),
        None => {
            let guest = recipe.make("The plugin".into())?;
            let described = describe(&guest)?;
            if let Some(cache) = cache {
                cache.keep_description(&recipe.wasm.digest, &described);
            }
            let who = described.who();
            (described, OnceLock::from(Ok(Guest { who, ..guest })))
        }
    };
    let counts_rows = recipe.decision.granted.contains(&Interface::Tables);
    Ok(Plugin { who: described.who(), inspection: inspection(described, &recipe), recipe, guest, counts_rows })
}

fn inspection(described: Described, recipe: &Recipe) -> Inspection {
    let Recipe { wasm, decision, .. } = recipe;
    Inspection {
        name: described.name,
        version: described.version,
        digest: wasm.digest,
        component_bytes: wasm.bytes.len() as u64,
        file: None,
        kinds: described.kinds,
        layout: described.layout,
        imports: permissions(wasm, decision),
        missing_grants: decision.missing.iter().map(|interface| interface.name().to_owned()).collect(),
    }
}

/// The components of a folder, sorted; only plain files called `*.wasm`.
fn components(folder: &Path) -> Result<Vec<PathBuf>> {
    let fault = |error: std::io::Error| {
        Error::new("plugin.invalid", format!("The plugin folder {} cannot be read: {error}", folder.display()))
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let path = entry.path();
        if entry.file_type().map_err(fault)?.is_file() && path.extension().is_some_and(|end| end == "wasm") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Which plugin restores an object must not depend on the order of files.
fn check_names(all: &[Plugin]) -> Result<()> {
    let mut names = BTreeMap::new();
    let mut kinds = BTreeMap::new();
    for plugin in all {
        let about = &plugin.inspection;
        if let Some(other) = names.insert(&about.name, about) {
            return Err(conflict(other, about, &format!("are both called `{}`", about.name)));
        }
        // Kinds of a plugin with a layout count in its own archives only, and win there.
        for kind in about.kinds.iter().filter(|_| !about.layout) {
            if let Some(other) = kinds.insert(&kind.name, about) {
                return Err(conflict(other, about, &format!("both restore the kind `{}`", kind.name)));
            }
        }
    }
    Ok(())
}

fn conflict(one: &Inspection, other: &Inspection, what: &str) -> Error {
    let place = |about: &Inspection| match &about.file {
        Some(file) => format!("{} ({})", about.name, file.display()),
        None => format!("{} (our own)", about.name),
    };
    let message = format!("The plugins {} and {} {what}; remove one from the folder", place(one), place(other));
    Error::new("plugin.invalid", message)
}
