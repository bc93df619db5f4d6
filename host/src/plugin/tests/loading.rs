//! What is loaded, granted, refused and kept.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

fn ungranted() -> PluginOptions {
    PluginOptions { grants: Vec::new(), ..options() }
}

fn refused(options: &PluginOptions) -> Error {
    match Plugins::load(options) {
        Ok(_) => panic!("It was loaded"),
        Err(error) => error,
    }
}

/// A plugin folder with the misbehaving plugin in it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(&*COMPONENT, folder.path().join("bad.wasm")).unwrap();
    folder
}

#[test]
fn a_plugin_that_lacks_grants_is_shown_and_not_run() {
    let inspection = inspect(&COMPONENT, &ungranted()).unwrap();
    assert_eq!((inspection.name.as_str(), inspection.version.as_str()), ("misbehaving", "0.0.1"));
    assert_eq!(inspection.kinds[0].name, "misbehaving");
    assert_eq!(inspection.missing_grants, ["tables", "definitions", "blobs"]);
    let imports: Vec<_> = inspection.imports.iter().map(|one| (one.interface.as_str(), one.granted)).collect();
    let expected = [("entries", true), ("log", true), ("tables", false), ("definitions", false), ("blobs", false)];
    assert_eq!(imports, expected);
    assert_eq!(inspection.component_bytes, fs::metadata(&*COMPONENT).unwrap().len());

    let plugin = load::foreign(&COMPONENT, &ungranted()).unwrap();
    assert_eq!(plugin.plan(&[view("honest")], &surroundings(), &Cancel::default()).unwrap().len(), 1);
    let error = plugin.plan(&[view("write in plan")], &surroundings(), &Cancel::default()).unwrap_err();
    assert_eq!(error.code(), "plugin.not_granted", "{error}");
    let error = session_of(&plugin, "honest", None, &Cancel::default()).err().unwrap();
    assert_eq!(error.code(), "plugin.not_granted");
    assert!(error.to_string().contains("--grant tables --grant definitions --grant blobs"), "{error}");
}

#[test]
fn a_folder_is_read_in_order_and_only_its_components() {
    let folder = folder();
    fs::write(folder.path().join("notes.txt"), "not a plugin").unwrap();
    fs::create_dir(folder.path().join("folder.wasm")).unwrap();
    let options = PluginOptions { folder: Some(folder.path().to_owned()), ..options() };
    let plugins = Plugins::load(&options).unwrap();
    let names: Vec<_> = plugins.descriptions().into_iter().map(|one| one.identity.name).collect();
    assert!(names.is_sorted() && names.contains(&"misbehaving".to_owned()), "{names:?}");
    let plugin = plugins.get("misbehaving").unwrap();
    assert_eq!(plugin.description().identity.digest, plugins.get("misbehaving").unwrap().description().identity.digest);
    assert!(plugins.get("nobody").is_none());
    assert_eq!(plugins.inspections().len(), names.len());
}

#[test]
fn two_plugins_for_one_kind_are_refused() {
    let folder = folder();
    fs::copy(&*COMPONENT, folder.path().join("also.wasm")).unwrap();
    let error = refused(&PluginOptions { folder: Some(folder.path().to_owned()), ..options() });
    assert_eq!(error.code(), "plugin.invalid");
    assert!(error.to_string().contains("also.wasm") && error.to_string().contains("bad.wasm"), "{error}");
}

#[test]
fn what_is_no_plugin_is_refused_by_name() {
    let whole = fs::read(&*COMPONENT).unwrap();
    let handler = r#"(export "reinstate:plugin/handler@0.2.0" (instance $i))"#;
    let other_world = wat::parse_str(format!(r#"(component (component $c) (instance $i (instantiate $c)) {handler})"#));
    let cases: [(&str, Vec<u8>); 5] = [
        ("empty", Vec::new()),
        ("script", b"#!/bin/sh\nrm -rf /\n".to_vec()),
        ("truncated", whole[..whole.len() / 2].to_vec()),
        ("trailing", [&whole[..], b"junk"].concat()),
        ("other world", other_world.unwrap()),
    ];
    for (name, bytes) in cases {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("it.wasm"), bytes).unwrap();
        let error = refused(&PluginOptions { folder: Some(folder.path().to_owned()), ..options() });
        assert_eq!(error.code(), "plugin.invalid", "{name}: {error}");
        assert!(error.to_string().contains("it.wasm"), "{name}: {error}");
    }
    let small = Limits { component_bytes: 1000, ..Limits::default() };
    let error = inspect(&COMPONENT, &PluginOptions { limits: small, ..options() }).unwrap_err();
    assert!(error.to_string().contains("larger than 1000 bytes"), "{error}");
}

#[test]
fn mistaken_options_are_told() {
    let grants = vec!["tabels".to_owned()];
    assert_eq!(refused(&PluginOptions { grants, ..options() }).code(), "usage");
    let folder = Some(PathBuf::from("/nowhere/at/all"));
    assert_eq!(refused(&PluginOptions { folder, ..options() }).code(), "plugin.invalid");
}

#[test]
fn our_own_plugins_import_our_package_only_and_are_granted_it() {
    let plugins = load::all(&PluginOptions { grants: Vec::new(), folder: None, ..options() });
    if crate::plugin::bundled::BUNDLED.is_empty() {
        assert!(plugins.err().unwrap().to_string().contains("built without its plugins"));
        return;
    }
    // An import of another package would have been refused.
    let plugins = plugins.unwrap();
    let names: Vec<_> = plugins.iter().map(|plugin| plugin.inspection.name.as_str()).collect();
    assert_eq!(names, ["definitions", "docspace", "functions", "graphs", "pgdump", "tables", "users"]);
    assert!(plugins.iter().all(|plugin| plugin.inspection.missing_grants.is_empty()));
}

#[test]
fn a_damaged_cache_is_compiled_again() {
    let cache = tempfile::tempdir().unwrap();
    let options = PluginOptions { cache: Some(cache.path().to_owned()), ..options() };
    assert!(load::foreign(&COMPONENT, &options).unwrap().guest.get().is_some(), "It had to be asked");
    let files = || fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().path());
    let code = files().find(|path| path.extension().is_some_and(|end| end == "cwasm")).unwrap();
    let mut bytes = fs::read(&code).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(&code, &bytes).unwrap();
    let again = load::foreign(&COMPONENT, &options).unwrap();
    assert!(again.guest.get().is_none(), "What it said is kept, so no code is loaded yet");
    assert_eq!(again.inspection, inspect(&COMPONENT, &options).unwrap());
    again.guest().unwrap();
    assert_ne!(fs::read(&code).unwrap(), bytes, "It was written anew");
}

#[test]
fn a_foreign_component_is_compiled_by_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let compiler = |name: &str, script: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let limits = Limits { compile_time: Duration::from_millis(300), ..Limits::default() };
        let options = PluginOptions { cache: None, compiler: Some(path), limits, ..options() };
        load::foreign(&COMPONENT, &options).err().map(|error| format!("{}: {error}", error.code()))
    };
    let code = folder.path().join("code");
    compile::child::translate(&COMPONENT, &code, &Limits::default()).unwrap();
    assert_eq!(compiler("good", &format!("[ \"$1 $2\" = 'plugin compile' ] && cp {} \"$4\"", code.display())), None);

    let cases = [
        ("slow", "exec sleep 60", "plugin.invalid: ", "takes longer than 0.3 s"),
        ("picky", "echo 'No \x1b[1mway' >&2; exit 3", "plugin.invalid: ", "It was not compiled: No \\u{1b}[1mway"),
        ("dies", "kill -ABRT $$", "plugin.invalid: ", "within 2147483648 bytes of memory"),
        ("silent", "exit 0", "host.internal: ", "is not the program that runs plugins here"),
        ("liar", "echo nonsense > \"$4\"", "host.internal: ", "is not the program that runs plugins here"),
    ];
    for (name, script, code, message) in cases {
        let said = compiler(name, script).unwrap();
        assert!(said.starts_with(code) && said.contains(message), "{name}: {said}");
    }
}
