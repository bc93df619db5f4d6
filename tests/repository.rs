//! Repositories with snapshots: chains restore to what was backed up, kills leave the old or the new, in folders, on S3 and over HTTP.

mod support;

#[path = "repository/http.rs"]
mod http;
#[path = "repository/s3.rs"]
mod s3;

use std::path::Path;

use support::{Sandbox, data, logical_content};

/// A database that changes, and a repository called `r` in the folder `backups`.
/// A database whose definitions are written as we write them, so that a restore of its backup is the same by the letter.
fn live(sandbox: &Sandbox) {
    std::fs::copy(data("chinook.sqlite"), sandbox.path("chinook.sqlite")).expect("copied");
    let from = sandbox.target("chinook.sqlite");
    sandbox.run(&["backup", "create", "--from", &from, "-o", &sandbox.text("chinook.tar")]).expect(0);
    sandbox.run(&["restore", &sandbox.text("chinook.tar"), "--into", &sandbox.target("live.sqlite")]).expect(0);
}

fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    live(&sandbox);
    sandbox.run(&["repository", "add", "r", &sandbox.text("backups")]).expect(0);
    sandbox
}

fn create(sandbox: &Sandbox, more: &[&str]) -> support::Outcome {
    let live = sandbox.target("live.sqlite");
    sandbox.json(&[&["backup", "create", "--from", &live, "--to", "r/shop"], more].concat())
}

/// Changes the database, makes a snapshot, and keeps a copy of the database to compare with.
fn step(sandbox: &Sandbox, number: u32, more: &[&str]) {
    sandbox.sql("live.sqlite", &format!("UPDATE Artist SET Name = Name || {number} WHERE ArtistId % 50 = {number}"));
    create(sandbox, more).expect(0);
    std::fs::copy(sandbox.path("live.sqlite"), sandbox.path(&format!("copy{number}.sqlite"))).expect("copied");
}

/// Each snapshot restores to the database that was backed up.
fn restores(sandbox: &Sandbox, id: u32, number: u32) {
    let into = format!("back{id}.sqlite");
    let _ = std::fs::remove_file(sandbox.path(&into));
    sandbox.run(&["restore", &format!("r/shop@{id}"), "--into", &sandbox.target(&into)]).expect(0);
    let copy = sandbox.path(&format!("copy{number}.sqlite"));
    assert_eq!(logical_content(&sandbox.path(&into)), logical_content(&copy), "{id}");
}

fn ids(sandbox: &Sandbox) -> Vec<u64> {
    let list = sandbox.json(&["backup", "list", "r"]).expect(0).json();
    let snapshots =
        list["backups"].as_array().expect("a list").iter().flat_map(|backup| backup["snapshots"].as_array());
    snapshots.flatten().map(|snapshot| snapshot["id"].as_u64().expect("a number")).collect()
}

#[test]
fn every_snapshot_of_a_chain_restores_to_what_was_backed_up() {
    let sandbox = scene();
    for (number, more) in
        [(1, &[][..]), (2, &["--incremental"]), (3, &["--incremental", "--checksum"]), (4, &["--differential"])]
    {
        step(&sandbox, number, more);
    }
    (1..=4).for_each(|id| restores(&sandbox, id, id));
    let named = ["plan", "r/shop", "--backup-id", "2", "--into", "sqlite:none.sqlite"];
    assert_eq!(sandbox.json(&named).expect(0).json()["archive"]["backup"]["id"], "2");
    let refused = sandbox.json(&["inspect", &sandbox.text("backups/shop")]).expect(2);
    assert!(refused.json()["error"]["next"].as_str().is_some_and(|next| next.starts_with("reinstate repository add ")));
    let refused = create(&sandbox, &[]).expect(3);
    assert_eq!(refused.code(), "repository.backup_exists");
    // What another one needs stays.
    sandbox.run(&["backup", "purge", "r/shop@1"]).expect(0);
    (2..=4).for_each(|id| restores(&sandbox, id, id));
    sandbox.run(&["backup", "verify", "r/shop"]).expect(0);
    sandbox.run(&["backup", "merge", "r/shop", "--dry-run"]).expect(0);
    assert_eq!(ids(&sandbox), [2, 3, 4]);
    sandbox.run(&["backup", "merge", "r/shop"]).expect(0);
    assert_eq!(ids(&sandbox), [5]);
    restores(&sandbox, 5, 4);
    sandbox.run(&["backup", "drop", "r/*"]).expect(3);
    sandbox.run(&["backup", "drop", "r/shop"]).expect(0);
    assert_eq!(ids(&sandbox), [0; 0]);
}

#[test]
fn answers_are_sentences_that_a_newcomer_understands() {
    let sandbox = scene();
    let missing = sandbox.run(&["backup", "list", "r"]).expect(3);
    assert!(
        missing.stderr.contains("its first backup makes it\n") && !missing.stderr.contains("target"),
        "{missing:?}"
    );
    let early = create(&sandbox, &["--incremental"]).expect(3);
    assert!(early.stdout.contains("an incremental snapshot builds on one"), "{early:?}");
    let empty = sandbox.run(&["backup", "list", "r"]).expect(0);
    assert!(empty.stdout.ends_with("reinstate backup create --from TARGET --to r/NAME\n"), "{empty:?}");
    step(&sandbox, 1, &[]);
    assert_eq!(sandbox.run(&["backup", "verify", "r/shop"]).expect(0).stdout, "The snapshot is whole\n");
    step(&sandbox, 2, &["--incremental"]);
    assert_eq!(sandbox.run(&["backup", "verify", "r/shop"]).expect(0).stdout, "All 2 snapshots are whole\n");
    let set = sandbox.run(&["backup", "alter", "r/shop", "comment", "of the shop"]).expect(0);
    assert_eq!(set.stdout, "Set comment of r/shop to 'of the shop'\n");
}

#[test]
fn a_saved_plan_finds_its_snapshot_again() {
    let sandbox = scene();
    step(&sandbox, 1, &["--select", "table:Artist"]);
    let (plan, into) = (sandbox.text("plan.json"), sandbox.target("back.sqlite"));
    sandbox.run(&["plan", "r/shop", "-o", &plan, "--into", &into]).expect(0);
    step(&sandbox, 2, &["--incremental"]);
    let saved = std::fs::read_to_string(sandbox.path("plan.json")).expect("a plan");
    assert!(saved.contains("r/shop@1"));
    sandbox.run(&["apply", &plan]).expect(0);
    assert_eq!(
        sandbox.query("back.sqlite", "SELECT Name FROM Artist WHERE ArtistId = 51"),
        sandbox.query("copy1.sqlite", "SELECT Name FROM Artist WHERE ArtistId = 51")
    );
    sandbox.run(&["inspect", "r/shop@1"]).expect(0);
    sandbox.run(&["verify", "r/shop"]).expect(0);
}

#[test]
fn a_kill_while_a_snapshot_is_made_shows_the_old_or_the_new() {
    for point in ["repository.pack", "repository.table", "repository.publish", "repository.published"] {
        let sandbox = scene();
        step(&sandbox, 1, &[]);
        sandbox.sql("live.sqlite", "UPDATE Artist SET Name = Name || 2 WHERE ArtistId % 50 = 2");
        std::fs::copy(sandbox.path("live.sqlite"), sandbox.path("copy2.sqlite")).expect("copied");
        let live = sandbox.target("live.sqlite");
        let arguments = ["backup", "create", "--from", &live, "--to", "r/shop", "--incremental"];
        let killed = sandbox.run_with_failpoints(&format!("{point}=return"), &arguments);
        assert_eq!(killed.status, None, "{point}: {killed:#?}");
        let expected = if point == "repository.published" { vec![1, 2] } else { vec![1] };
        assert_eq!(ids(&sandbox), expected, "{point}");
        sandbox.run(&["backup", "verify", "r/shop"]).expect(0);
        // The dead one's lock would be stale in two minutes.
        assert_eq!(create(&sandbox, &["--incremental"]).expect(3).code(), "repository.busy");
        std::fs::remove_dir_all(sandbox.path("backups/shop/locks")).expect("removed");
        create(&sandbox, &["--incremental"]).expect(0);
        restores(&sandbox, 2, 2);
    }
}

#[test]
fn damage_names_the_pack() {
    let sandbox = scene();
    step(&sandbox, 1, &[]);
    let pack = sandbox.path("backups/shop/1/pack-000001");
    let mut bytes = std::fs::read(&pack).expect("a pack");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&pack, bytes).expect("written");
    let verified = sandbox.run(&["backup", "verify", "r/shop"]).expect(1);
    assert!(format!("{verified:?}").contains("shop/1/pack-000001"), "{verified:?}");
    let restored = sandbox.run(&["restore", "r/shop", "--into", &sandbox.target("back.sqlite")]).expect(1);
    assert!(restored.stderr.contains("shop/1/pack-000001"), "{restored:?}");
    assert!(!Path::new(&sandbox.path("back.sqlite")).exists());
}

#[test]
fn credentials_are_never_in_the_url_nor_open_to_others() {
    let sandbox = Sandbox::new();
    let refused = sandbox.json(&["repository", "add", "r", "s3://key:hush@bucket"]).expect(2);
    assert_eq!(refused.code(), "repository.bad_url");
    assert!(!format!("{refused:?}").contains("hush"));
    sandbox.run(&["repository", "add", "r", "s3://bucket"]).expect(0);
    std::fs::write(sandbox.path("keys"), "AWS_ACCESS_KEY_ID=hush\n").expect("written");
    let open = sandbox.run(&["backup", "list", "r", "--credentials", &sandbox.text("keys")]).expect(2);
    assert!(open.stderr.contains("chmod 600") && !open.stderr.contains("hush"), "{open:?}");
}
