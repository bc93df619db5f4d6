//! Arrows go one way: a module names only those before it, and wasmtime is named in `plugin/` only.

use std::path::{Path, PathBuf};

/// `lib.rs`, in order.
fn modules(root: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(root.join("lib.rs")).expect("lib.rs");
    text.lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'))
        .map(str::to_owned)
        .collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn module_of(root: &Path, path: &Path) -> String {
    let first = path.strip_prefix(root).expect("below the root").components().next().expect("a component");
    first.as_os_str().to_str().expect("UTF-8").trim_end_matches(".rs").to_owned()
}

#[test]
fn a_module_names_only_those_before_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let order = modules(&root);
    let rank = |module: &str| order.iter().position(|known| known == module);
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let module = module_of(&root, &file);
        // Tests may reach for whatever they need.
        if file.iter().any(|part| part == "tests" || part == "tests.rs" || part == "fixture.rs") {
            continue;
        }
        let Some(own) = rank(&module) else { continue };
        let text = std::fs::read_to_string(&file).expect("a source");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            for named in line.split("crate::").skip(1) {
                let named: String = named.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if rank(&named).is_some_and(|rank| rank > own) {
                    wrong.push(format!("{}: {module} names {named}", file.display()));
                }
            }
            if module != "plugin" && line.contains("wasmtime") {
                wrong.push(format!("{}: wasmtime outside plugin/", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_code_that_is_given_is_in_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut missing = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for after in code.split("Error::new(").skip(1) {
            let Some(literal) = after.trim_start().strip_prefix('"') else { continue };
            let code = literal.split('"').next().unwrap_or_default();
            if !reinstate::error::codes::ALL.iter().any(|(known, ..)| *known == code) {
                missing.push(format!("{}: {code}", file.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
