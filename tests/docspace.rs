//! The API that DocSpace's clients talk to: the vendor's own library, and what it does not try.
#![cfg(feature = "failpoints")]

#[path = "docspace/backups.rs"]
mod backups;
#[path = "docspace/portal.rs"]
mod portal;
#[path = "docspace/refusals.rs"]
mod refusals;
#[path = "docspace/restores.rs"]
mod restores;
#[path = "docspace/schedules.rs"]
mod schedules;
mod support;
#[path = "docspace/uploads.rs"]
mod uploads;

use std::path::Path;
use std::process::Command;

use support::server::Server;

/// The acceptance script, as it is, with the vendor's library.
#[test]
fn the_vendors_library_is_served() {
    let Some(python) = support::python() else { return };
    let server = Server::demo();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients/docspace.py");
    let all = [("DOCSPACE_BACKUP_DIR", "/backups"), ("DOCSPACE_DUMP_FILE", "/backups/dump.tar.gz")];
    for variables in [&[][..], &all] {
        let mut command = Command::new(&python);
        command.arg(&script).env("DOCSPACE_URL", server.url()).envs(variables.iter().copied());
        let output = command.output().expect("Python starts");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{variables:?}: {said}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(" 0 failed"), "{said}");
    }
}
