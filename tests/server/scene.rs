//! A configuration with people of several rights, and backups that they may or may not use.

use reinstate::server::token_hash;
use serde_json::{Value, json};

use crate::support::server::{Client, Server};
use crate::support::{Sandbox, small_folder};

/// Rows of the large table: several pieces, each committed by itself.
const ROWS: u32 = 120_000;

/// Slows each commit down, so that there is time to steer a job that runs.
pub(crate) const SLOW: &str = "sqlite.commit.before=sleep(120)";

/// The configuration; a token is the name of its user.
pub(crate) fn config() -> String {
    let mut text = String::from(
        "[limits]\nsign_ins_per_minute = 1000\n\
         [targets.live]\nurl = 'sqlite:{dir}/live.sqlite'\n[targets.other]\nurl = 'sqlite:{dir}/other.sqlite'\n\
         [repositories.box]\nurl = '{dir}/box'\n[repositories.vault]\nurl = '{dir}/vault'\n",
    );
    for (name, role, rights) in [
        ("root", "admin", ""),
        ("ana", "operator", ""),
        ("ben", "operator", ""),
        ("narrow", "operator", "repositories = ['box']\ntargets = ['live']\nkinds = ['table']\n"),
        ("rita", "reader", ""),
        ("blind", "reader", "repositories = []\ntargets = []\n"),
    ] {
        text += &format!("[users.{name}]\nrole = '{role}'\ntokens = ['{}']\n{rights}", token_hash(name));
    }
    text
}

/// Both repositories hold the backup `shop`: of a database with a large table and users, and `tables` in `box`, which holds tables only.
pub(crate) fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("folder");
    small_folder(&folder, ROWS);
    let archive = sandbox.pack(&folder, "shop.tar");
    sandbox.run(&["restore", &archive, "--into", &sandbox.target("source.sqlite")]).expect(0);
    let from = sandbox.target("source.sqlite");
    for repository in ["box", "vault"] {
        sandbox.run(&["repository", "add", repository, &sandbox.text(repository)]).expect(0);
        sandbox.run(&["backup", "create", "--from", &from, "--to", &format!("{repository}/shop")]).expect(0);
    }
    sandbox.run(&["backup", "create", "--from", &from, "--to", "box/tables", "--select", "table:*"]).expect(0);
    sandbox
}

/// A server with all that.
pub(crate) fn server() -> Server {
    Server::in_sandbox(sandbox(), &config())
}

/// The same, in which commits take their time.
pub(crate) fn slow_server() -> Server {
    let mut server = Server::configured(sandbox(), &config());
    server.variable("FAILPOINTS", SLOW);
    server.start();
    server
}

/// A restore of `box/shop` into `live`.
pub(crate) fn restore() -> Value {
    json!({"archive": {"repository": "box", "backup": "shop"}, "target": "live"})
}

/// Starts a restore, and gives the job's name.
#[track_caller]
pub(crate) fn started(client: &Client, restore: &Value) -> String {
    let answer = client.post("/v1/restores", restore).expect(202);
    let id = answer.json()["id"].as_str().expect("a name").to_owned();
    assert_eq!(answer.header("location"), format!("/v1/jobs/{id}"));
    id
}
