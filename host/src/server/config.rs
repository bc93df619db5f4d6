//! What the server is told: one TOML file, as values. Secrets are never in it: passwords and tokens are there as hashes, others in files of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::error::{Error, Result};
use crate::plan::{Options, Policy};
use crate::repository::{check_name, check_url};

/// Everything the server is told.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port.
    pub listen: SocketAddr,
    /// How clients reach it, `https://restore.example.org`, where that is not the address: behind a proxy, say.
    pub public_url: Option<String>,
    /// The server's own folder: jobs, uploads, the audit log.
    pub state: PathBuf,
    /// Certificate and key; plain HTTP without.
    pub tls: Option<Tls>,
    /// What clients may ask for.
    pub limits: Limits,
    /// How jobs are run.
    pub jobs: Jobs,
    /// Plugins beside our own.
    pub plugins: Plugins,
    /// What can be restored into and backed up, by name.
    pub targets: BTreeMap<String, TargetAt>,
    /// Where backups are, by name.
    pub repositories: BTreeMap<String, RepositoryAt>,
    /// Who may do what, by name.
    pub users: BTreeMap<String, User>,
    /// Who is told of jobs.
    pub notify: Notify,
    /// The API that Kinetica's clients talk to; closed without.
    pub kinetica: Option<Kinetica>,
    /// The API that DocSpace's clients talk to; closed without.
    pub docspace: Option<Docspace>,
    /// The demonstration's data is made where it is missing.
    #[serde(skip)]
    pub(super) demo: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9191)),
            public_url: None,
            state: PathBuf::from("/var/lib/reinstate"),
            tls: None,
            limits: Limits::default(),
            jobs: Jobs::default(),
            plugins: Plugins::default(),
            targets: BTreeMap::new(),
            repositories: BTreeMap::new(),
            users: BTreeMap::new(),
            notify: Notify::default(),
            kinetica: None,
            docspace: None,
            demo: false,
        }
    }
}

/// What TLS needs, as PEM files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate, and those that signed it.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// What clients may ask for.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Seconds that a client may take for a request's head, or for the next piece of its body.
    pub idle_seconds: u64,
    /// Bytes of a request's body; archives have a limit of their own.
    pub body_bytes: usize,
    /// Bytes of a request that brings a plan.
    pub plan_bytes: usize,
    /// Bytes of an archive that is uploaded.
    pub archive_bytes: u64,
    /// Requests a second of one user; as many may come at once.
    pub requests_per_second: u32,
    /// Failed sign-ins a minute from one address.
    pub sign_ins_per_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            idle_seconds: 30,
            body_bytes: 8 << 20,
            plan_bytes: 64 << 20,
            archive_bytes: 1 << 40,
            requests_per_second: 5000,
            sign_ins_per_minute: 20,
        }
    }
}

/// How jobs are run.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Jobs {
    /// Jobs at once.
    pub width: usize,
    /// Jobs of up to so many bytes are short ones; long ones never take the last place.
    pub short_bytes: u64,
    /// For how many days an ended job is kept; for ever when absent.
    pub keep_days: Option<u32>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { width: 4, short_bytes: 256 << 20, keep_days: None }
    }
}

/// Plugins beside our own.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plugins {
    /// Their folder.
    pub folder: Option<PathBuf>,
    /// Interfaces that they are granted.
    pub grants: Vec<String>,
}

/// A live system.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetAt {
    /// `sqlite:PATH` or `postgres://…`, without a password.
    pub url: String,
}

/// A place with backups.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepositoryAt {
    /// A folder, or `s3:`, `gs:`, `az:`, `http:`, `https:`.
    pub url: String,
    /// A file of lines `KEY=VALUE` with what opens it; the environment has them without.
    #[serde(default)]
    pub credentials: Option<PathBuf>,
}

/// What somebody may do at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Reader,
    /// Restore and back up, and steer one's own jobs.
    Operator,
    /// Everything, other people's jobs and tokens included.
    Admin,
}

/// Somebody who may do something.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The hash of the password, `$argon2id$…`; who has none signs in with tokens only.
    #[serde(default)]
    pub password: Option<String>,
    /// SHA-256 of tokens that never expire, in hexadecimal digits; others are made by the API.
    #[serde(default)]
    pub tokens: Vec<String>,
    /// What they may do.
    pub role: Role,
    /// Repositories they may read (and, as operators, write); all when absent.
    #[serde(default)]
    pub repositories: Option<BTreeSet<String>>,
    /// Targets they may see (and, as operators, restore into); all when absent.
    #[serde(default)]
    pub targets: Option<BTreeSet<String>>,
    /// Kinds of objects they may restore; all when absent.
    #[serde(default)]
    pub kinds: Option<BTreeSet<String>>,
}

/// Who is told of jobs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notify {
    /// Addresses that get a signed request.
    pub webhooks: Vec<Webhook>,
    /// A server that sends mail.
    pub mail: Option<Mail>,
}

/// An address that gets a signed request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where.
    pub url: String,
    /// The file with the secret that signs it.
    pub secret: PathBuf,
    /// Tell of every job, also of those for which nobody asked.
    #[serde(default)]
    pub always: bool,
}

/// A server that sends mail.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// `smtps://user@host:465`, `smtp://host:587?tls=required`, or `smtp://localhost:25` in the clear.
    pub server: String,
    /// The file with the password, where the server wants one.
    #[serde(default)]
    pub password: Option<PathBuf>,
    /// Who writes.
    pub from: String,
    /// Who is told.
    pub to: Vec<String>,
    /// Tell of every job, also of those for which nobody asked.
    #[serde(default)]
    pub always: bool,
}

/// What Kinetica's clients see.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kinetica {
    /// The target that stands for the database.
    pub target: String,
    /// Their data sources and data sinks, and the repositories that these are.
    pub stores: BTreeMap<String, String>,
}

/// What DocSpace's clients see.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Docspace {
    /// The target that stands for the portal.
    pub target: String,
    /// The portal's number.
    #[serde(default = "first")]
    pub tenant: i32,
    /// The portal's name, with which backup files begin.
    #[serde(default = "workspace")]
    pub alias: String,
    /// Folders that storage type Local may use: the path that clients write, and the folder that this is here.
    #[serde(default)]
    pub local: BTreeMap<String, PathBuf>,
    /// The repository of storage types Documents and ThirdpartyDocuments.
    #[serde(default)]
    pub documents: Option<String>,
    /// The repository of storage type DataStore.
    #[serde(default)]
    pub data_store: Option<String>,
    /// Repositories of storage type ThirdPartyConsumer by `module`: S3, GoogleCloud.
    #[serde(default)]
    pub consumers: BTreeMap<String, String>,
    /// What restores are done with, beside what a request says; they replace what is there unless this has another policy.
    #[serde(default = "replacing", deserialize_with = "portal_options")]
    pub options: Options,
}

fn first() -> i32 {
    1
}

fn workspace() -> String {
    "workspace".to_owned()
}

fn replacing() -> Options {
    Options { restore_policy: Policy::Replace, ..Options::default() }
}

fn portal_options<'de, D: Deserializer<'de>>(options: D) -> Result<Options, D::Error> {
    let mut options = toml::Table::deserialize(options)?;
    options.entry("restore_policy").or_insert_with(|| "replace".into());
    Options::deserialize(options).map_err(D::Error::custom)
}

impl Config {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| wrong(path, &error.to_string()))?;
        let config = Self::parse(&text).map_err(|error| wrong(path, &error.to_string()))?;
        Ok(config)
    }

    /// Reads a text. Fails with `server.bad_config`.
    pub fn parse(text: &str) -> Result<Self> {
        let config: Self = toml::from_str(text)
            .map_err(|error| Error::new("server.bad_config", error.to_string().trim().to_owned()))?;
        config.check()?;
        Ok(config)
    }

    /// Whether what names something names what is there.
    fn check(&self) -> Result<()> {
        let bad = |message: String| Err(Error::new("server.bad_config", message));
        for (name, repository) in &self.repositories {
            check_name(name)?;
            check_url(&repository.url)?;
        }
        for name in self.targets.keys() {
            check_name(name)?;
        }
        if let Some(portal) = &self.docspace {
            check_name(&portal.alias)?;
        }
        let doors = self.kinetica.iter().map(|door| ("kinetica", &door.target));
        for (door, target) in doors.chain(self.docspace.iter().map(|door| ("docspace", &door.target))) {
            if !self.targets.contains_key(target) {
                return bad(format!("[{door}] names the target `{target}`, which [targets] has not"));
            }
        }
        for (what, repository) in self.named_repositories() {
            if !self.repositories.contains_key(repository) {
                return bad(format!("{what} names the repository `{repository}`, which [repositories] has not"));
            }
        }
        if self.jobs.width == 0 {
            return bad("[jobs] width is 0: no job would ever run".to_owned());
        }
        if self.limits.requests_per_second == 0 || self.limits.sign_ins_per_minute == 0 {
            return bad("[limits] lets nobody in: rates are at least 1".to_owned());
        }
        Ok(())
    }

    fn named_repositories(&self) -> Vec<(&'static str, &String)> {
        let stores = self.kinetica.iter().flat_map(|door| door.stores.values()).map(|name| ("[kinetica.stores]", name));
        let docspace = self.docspace.iter().flat_map(|door| {
            let places = door.documents.iter().chain(&door.data_store).chain(door.consumers.values());
            places.map(|name| ("[docspace]", name))
        });
        stores.chain(docspace).collect()
    }
}

fn wrong(path: &Path, why: &str) -> Error {
    Error::new("server.bad_config", format!("{} cannot be understood: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_something_names_what_is_there() {
        let base = "[targets.live]\nurl = 'sqlite:a'\n[repositories.box]\nurl = '/backups'\n";
        assert!(Config::parse("").is_ok() && Config::parse(base).is_ok());
        for (more, said) in [
            ("[kinetica]\ntarget = 'other'\nstores = {}", "[kinetica] names the target `other`"),
            ("[kinetica]\ntarget = 'live'\nstores = {src = 'none'}", "names the repository `none`"),
            ("[docspace]\ntarget = 'live'\ndocuments = 'none'", "[docspace] names the repository `none`"),
            ("[docspace]\ntarget = 'other'", "[docspace] names the target `other`"),
            ("[jobs]\nwidth = 0", "no job would ever run"),
            ("[limits]\nsign_ins_per_minute = 0", "lets nobody in"),
            ("[jobs]\nwdith = 1", "wdith"),
            ("[users.ana]\nrole = 'king'", "king"),
            ("[users.ana]\npasword = 'x'\nrole = 'admin'", "pasword"),
        ] {
            let error = Config::parse(&format!("{base}{more}")).unwrap_err();
            assert!(error.to_string().contains(said), "{more}: {error}");
        }
        let good =
            "[kinetica]\ntarget = 'live'\nstores = {src = 'box'}\n[docspace]\ntarget = 'live'\nlocal = {'/b' = '/c'}";
        let config = Config::parse(&format!("{base}{good}")).unwrap();
        let docspace = config.docspace.unwrap();
        assert_eq!((docspace.alias.as_str(), docspace.options.restore_policy), ("workspace", Policy::Replace));
        for (options, policy) in [("{width = 2}", Policy::Replace), ("{restore_policy = 'none'}", Policy::None)] {
            let config = Config::parse(&format!("{base}[docspace]\ntarget = 'live'\noptions = {options}")).unwrap();
            assert_eq!(config.docspace.unwrap().options.restore_policy, policy, "{options}");
        }
        let error =
            Config::parse(&format!("{base}[docspace]\ntarget = 'live'\noptions = {{policy = 'none'}}")).unwrap_err();
        assert!(error.to_string().contains("policy"), "{error}");
    }
}
