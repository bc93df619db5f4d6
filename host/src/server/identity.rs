//! Who asks, and what they may do: passwords and tokens, kept as hashes; roles; rights by repository, target and kind.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, PasswordHash};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::{Error, Result};

use super::config::{Limits, Role, User};
use super::jobs::Store;

/// For how long a password that was right need not be hashed again.
const REMEMBERED: Duration = Duration::from_secs(300);
/// Passwords that are hashed at once.
const HASHED_AT_ONCE: usize = 2;
/// Passwords that are remembered at once.
const MOST_REMEMBERED: usize = 10_000;
/// What tokens begin with, so that scanners for secrets find them.
const TOKEN: &str = "rst_";
/// What their names in the store begin with.
const KEPT: &str = "token ";

/// What a request brings to say who asks.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// A token, in whatever header the client puts it.
    Token(String),
    /// A name and a password.
    Password(String, String),
}

/// Somebody who was recognised.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The name.
    pub(crate) user: String,
    /// What they may do at all.
    pub(crate) role: Role,
    /// Repositories they may use; all when absent.
    pub(crate) repositories: Option<BTreeSet<String>>,
    /// Targets they may use; all when absent.
    pub(crate) targets: Option<BTreeSet<String>>,
    /// Kinds of objects they may restore; all when absent.
    pub(crate) kinds: Option<BTreeSet<String>>,
}

impl Identity {
    /// Fails with `request.forbidden` where the role is a lesser one.
    pub(crate) fn needs(&self, role: Role, to: &str) -> Result<()> {
        if self.role >= role {
            return Ok(());
        }
        Err(forbidden(format!("{} may not {to}: that needs the role {}", self.user, word(role))))
    }

    /// Whether the repository may be read, and, by operators, written.
    pub(crate) fn sees_repository(&self, name: &str) -> bool {
        allows(self.repositories.as_ref(), name)
    }

    /// Whether the target may be seen, and, by operators, restored into.
    pub(crate) fn sees_target(&self, name: &str) -> bool {
        allows(self.targets.as_ref(), name)
    }

    /// Fails with `request.forbidden` where the repository is none of theirs.
    pub(crate) fn repository(&self, name: &str) -> Result<()> {
        if self.sees_repository(name) {
            Ok(())
        } else {
            Err(forbidden(format!("{} has no right to the repository `{}`", self.user, name.escape_debug())))
        }
    }

    /// Fails with `request.forbidden` where the target is none of theirs.
    pub(crate) fn target(&self, name: &str) -> Result<()> {
        if self.sees_target(name) {
            Ok(())
        } else {
            Err(forbidden(format!("{} has no right to the target `{}`", self.user, name.escape_debug())))
        }
    }

    /// Fails with `request.forbidden` where objects of the kind are none of theirs to restore.
    pub(crate) fn kind(&self, kind: &str) -> Result<()> {
        if allows(self.kinds.as_ref(), kind) {
            Ok(())
        } else {
            Err(forbidden(format!("{} has no right to restore a {kind}", self.user)))
        }
    }

    /// Fails with `request.forbidden` where a job is somebody else's and they are no admin.
    pub(crate) fn steers(&self, operator: &str) -> Result<()> {
        self.needs(Role::Operator, "steer jobs")?;
        if self.role == Role::Admin || self.user == operator {
            Ok(())
        } else {
            Err(forbidden(format!("{} may not steer a job of {operator}", self.user)))
        }
    }
}

fn allows(names: Option<&BTreeSet<String>>, name: &str) -> bool {
    names.is_none_or(|names| names.contains(name))
}

fn word(role: Role) -> &'static str {
    match role {
        Role::Reader => "reader",
        Role::Operator => "operator",
        Role::Admin => "admin",
    }
}

fn forbidden(message: String) -> Error {
    Error::new("request.forbidden", message)
}

/// A token that was made by the API, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct IssuedToken {
    /// What it is for.
    pub(crate) name: String,
    /// Whose it is.
    pub(crate) user: String,
    /// When it was made, RFC 3339.
    pub(crate) created: String,
    /// When it ends; never where absent.
    pub(crate) expires: Option<String>,
    /// SHA-256 of it.
    #[serde(default)]
    pub(crate) hash: String,
}

/// Everyone who may come in.
pub(crate) struct Identities {
    users: BTreeMap<String, User>,
    store: Arc<Store>,
    /// Tokens that the API made, by their hashes, as the store has them: a request must not wait for a disk.
    issued: RwLock<BTreeMap<String, IssuedToken>>,
    /// Keyed digests of passwords that were right a moment ago: hashing one takes a tenth of a second, on purpose.
    right: Mutex<HashMap<[u8; 32], Instant>>,
    key: [u8; 32],
    requests: DefaultKeyedRateLimiter<String>,
    failures: DefaultKeyedRateLimiter<IpAddr>,
    /// Addresses that have failed too often, and until when they wait.
    held: Mutex<HashMap<IpAddr, Instant>>,
    /// How long one that has failed too often waits.
    pause: Duration,
    /// Hashing takes much memory and time: a few at once, however many ask.
    hashing: Semaphore,
}

impl Identities {
    /// The configuration's users; other tokens are in the store.
    pub(crate) fn new(users: BTreeMap<String, User>, limits: &Limits, store: Arc<Store>) -> Result<Self> {
        for (name, user) in &users {
            let bad = |what: &str| Error::new("server.bad_config", format!("[users.{name}] {what}"));
            if let Some(hash) = &user.password {
                PasswordHash::new(hash).map_err(|_| bad("password is no hash: `reinstate hash-password` makes one"))?;
            }
            if user.tokens.iter().any(|hash| hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit())) {
                return Err(bad(
                    "tokens are SHA-256 in 64 hexadecimal digits: `reinstate hash-password --token` makes one",
                ));
            }
        }
        let issued = store.all_kept::<IssuedToken>(KEPT)?.into_iter().map(|(_, token)| (token.hash.clone(), token));
        let issued = RwLock::new(issued.collect());
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| Error::new("host.io", format!("The system gives no random bytes: {error}")))?;
        let rate = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Ok(Self {
            users,
            store,
            issued,
            right: Mutex::new(HashMap::new()),
            key,
            requests: RateLimiter::keyed(Quota::per_second(rate(limits.requests_per_second))),
            failures: RateLimiter::keyed(Quota::per_minute(rate(limits.sign_ins_per_minute))),
            held: Mutex::default(),
            pause: Duration::from_secs(60) / rate(limits.sign_ins_per_minute).get(),
            hashing: Semaphore::new(HASHED_AT_ONCE),
        })
    }

    /// Who it is, where that can be said at once: a token, a password that was right a moment ago.
    pub(crate) fn known(&self, credentials: &Credentials) -> Option<Result<Identity>> {
        let identity = match credentials {
            Credentials::Token(token) => {
                let hash = token_hash(token);
                self.configured(&hash).or_else(|| self.by_issued(&hash))
            }
            Credentials::Password(user, password) => {
                self.remembers(&self.remembered_as(user, password)).then(|| self.identity(user)).flatten()
            }
        }?;
        Some(self.admit(identity))
    }

    /// Who it is. Blocks for a tenth of a second where a password must be hashed.
    ///
    /// Fails with `request.unauthorized`, and with `request.throttled` where the address has failed too often or the user asks too much.
    pub(crate) fn recognise(&self, credentials: &Credentials, from: IpAddr) -> Result<Identity> {
        if let Some(known) = self.known(credentials) {
            return known;
        }
        let found = match credentials {
            Credentials::Token(_) => None,
            Credentials::Password(user, password) => {
                // Whoever guesses does not get to use our processors for it.
                self.not_held(from)?;
                self.by_password(user, password)
            }
        };
        let Some(identity) = found else {
            self.failed(from)?;
            let message = "The name, the password or the token is wrong, or has expired";
            return Err(Error::new("request.unauthorized", message));
        };
        self.admit(identity)
    }

    /// A turn to hash a password, which ends with the value.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed.
        self.hashing.acquire().await.ok()
    }

    /// Fails with `request.throttled` where the address has failed too often.
    fn not_held(&self, from: IpAddr) -> Result<()> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.get(&from).is_some_and(|until| *until > Instant::now()) { Err(failed_too_often()) } else { Ok(()) }
    }

    /// Counts a sign-in that failed: right ones cost nothing, however many come at once.
    fn failed(&self, from: IpAddr) -> Result<()> {
        if self.failures.check_key(&from).is_ok() {
            return Ok(());
        }
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(from, Instant::now() + self.pause);
        Err(failed_too_often())
    }

    fn admit(&self, identity: Identity) -> Result<Identity> {
        let admitted = self.requests.check_key(&identity.user);
        admitted.map(|()| identity).map_err(|_| throttled("Too many requests; wait a second"))
    }

    /// The user of that name.
    pub(crate) fn identity(&self, name: &str) -> Option<Identity> {
        let user = self.users.get(name)?;
        Some(Identity {
            user: name.to_owned(),
            role: user.role,
            repositories: user.repositories.clone(),
            targets: user.targets.clone(),
            kinds: user.kinds.clone(),
        })
    }

    /// Hashes are compared, not tokens: how long that takes says nothing about a token.
    fn configured(&self, hash: &str) -> Option<Identity> {
        let (name, _) = self.users.iter().find(|(_, user)| user.tokens.iter().any(|known| known == hash))?;
        self.identity(name)
    }

    fn by_issued(&self, hash: &str) -> Option<Identity> {
        let issued = self.issued.read().unwrap_or_else(PoisonError::into_inner);
        let token = issued.get(hash)?;
        let now = Timestamp::now();
        // An end that cannot be understood has come.
        let lasts = |end: &String| end.parse::<Timestamp>().is_ok_and(|end| end > now);
        if token.expires.as_ref().is_none_or(lasts) { self.identity(&token.user) } else { None }
    }

    fn by_password(&self, name: &str, password: &str) -> Option<Identity> {
        let Some(hash) = self.users.get(name).and_then(|user| user.password.as_deref()) else {
            // As long as for a user that is there.
            let _ = hash_password(password);
            return None;
        };
        Argon2::default().verify_password(password.as_bytes(), hash).ok()?;
        self.remember(self.remembered_as(name, password));
        self.identity(name)
    }

    /// The hash is part of it, so that a changed password is not remembered.
    fn remembered_as(&self, name: &str, password: &str) -> [u8; 32] {
        let hash = self.users.get(name).and_then(|user| user.password.as_deref());
        self.digest(&[name, password, hash.unwrap_or_default()])
    }

    fn digest(&self, parts: &[&str]) -> [u8; 32] {
        // A key of any length will do.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return [0; 32] };
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    fn remembers(&self, digest: &[u8; 32]) -> bool {
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right.get(digest).is_some_and(|since| since.elapsed() < REMEMBERED)
    }

    fn remember(&self, digest: [u8; 32]) {
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= MOST_REMEMBERED {
            right.retain(|_, since| since.elapsed() < REMEMBERED);
        }
        right.insert(digest, Instant::now());
    }

    /// Makes a token for a user. The token itself is told once, and kept as its hash.
    pub(crate) fn issue(&self, user: &str, name: &str, expires: Option<Timestamp>) -> Result<(String, IssuedToken)> {
        let token = new_token()?;
        let issued = IssuedToken {
            name: name.to_owned(),
            user: user.to_owned(),
            created: Timestamp::now().to_string(),
            expires: expires.map(|end| end.to_string()),
            hash: token_hash(&token),
        };
        self.store.keep(&kept_as(&issued.hash), &issued)?;
        self.issued.write().unwrap_or_else(PoisonError::into_inner).insert(issued.hash.clone(), issued.clone());
        Ok((token, issued))
    }

    /// The tokens that were made, of one user or of all.
    pub(crate) fn issued(&self, user: Option<&str>) -> Vec<IssuedToken> {
        let issued = self.issued.read().unwrap_or_else(PoisonError::into_inner);
        issued.values().filter(|token| user.is_none_or(|user| token.user == user)).cloned().collect()
    }

    /// Ends a token, by its hash; answers whether there was one.
    pub(crate) fn revoke(&self, hash: &str) -> Result<bool> {
        let there = self.store.forget(&kept_as(hash))?;
        self.issued.write().unwrap_or_else(PoisonError::into_inner).remove(hash);
        Ok(there)
    }

    /// Forgets addresses and users that have not been heard of for a while.
    pub(crate) fn tidy(&self) {
        self.requests.retain_recent();
        self.failures.retain_recent();
        self.held.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, until| *until > Instant::now());
    }
}

fn kept_as(hash: &str) -> String {
    format!("{KEPT}{hash}")
}

fn failed_too_often() -> Error {
    throttled("Too many failed sign-ins from this address; wait a minute")
}

fn throttled(message: &str) -> Error {
    Error::new("request.throttled", message)
}

/// SHA-256 in hexadecimal digits: tokens are long and random, so that nothing slower is needed.
pub fn token_hash(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A new token: 256 random bits.
pub fn new_token() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new("host.io", format!("The system gives no random bytes: {error}")))?;
    Ok(TOKEN.chars().chain(bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).map(char::from)).collect())
}

/// The hash of a password, as the configuration wants it.
pub fn hash_password(password: &str) -> Result<String> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| Error::new("host.internal", format!("The password cannot be hashed: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn user(role: Role, password: Option<&str>, tokens: &[&str]) -> User {
        User {
            password: password.map(|password| hash_password(password).unwrap()),
            tokens: tokens.iter().map(|token| token_hash(token)).collect(),
            role,
            repositories: Some(BTreeSet::from(["box".to_owned()])),
            targets: None,
            kinds: Some(BTreeSet::from(["table".to_owned()])),
        }
    }

    /// The file is gone once it is open, and the store has it still.
    fn store() -> Arc<Store> {
        let folder = tempfile::tempdir().unwrap();
        Arc::new(Store::open(&folder.path().join("jobs.sqlite")).unwrap())
    }

    fn identities(limits: &Limits) -> Identities {
        let store = store();
        let users = [
            ("ana".to_owned(), user(Role::Operator, Some("right"), &["rst_known"])),
            ("robot".to_owned(), user(Role::Reader, None, &[])),
        ];
        Identities::new(users.into(), limits, store).unwrap()
    }

    fn password(user: &str, password: &str) -> Credentials {
        Credentials::Password(user.to_owned(), password.to_owned())
    }

    fn token(token: &str) -> Credentials {
        Credentials::Token(token.to_owned())
    }

    #[test]
    fn passwords_and_tokens_are_recognised() {
        let identities = identities(&Limits::default());
        let code = |credentials: &Credentials| match identities.recognise(credentials, HERE) {
            Ok(identity) => identity.user,
            Err(error) => error.code().to_owned(),
        };
        assert!(identities.known(&password("ana", "right")).is_none(), "nobody has signed in yet");
        for (credentials, expected) in [
            (password("ana", "right"), "ana"),
            (password("ana", "right"), "ana"),
            (password("ana", "wrong"), "request.unauthorized"),
            (password("ana", ""), "request.unauthorized"),
            (password("robot", ""), "request.unauthorized"),
            (password("nobody", "right"), "request.unauthorized"),
            (token("rst_known"), "ana"),
            (token("rst_other"), "request.unauthorized"),
            (token(""), "request.unauthorized"),
            (token(&token_hash("rst_known")), "request.unauthorized"),
        ] {
            assert_eq!(code(&credentials), expected);
        }
        assert!(identities.known(&password("ana", "right")).unwrap().is_ok(), "a right password is remembered");
        assert!(identities.known(&password("ana", "wrong")).is_none());
    }

    #[test]
    fn issued_tokens_end() {
        let identities = identities(&Limits::default());
        let hour = jiff::SignedDuration::from_hours(1);
        let (lasting, kept) = identities.issue("robot", "script", Some(Timestamp::now() + hour)).unwrap();
        let (ended, _) = identities.issue("robot", "old", Some(Timestamp::now() - hour)).unwrap();
        let (orphan, _) = identities.issue("gone", "left", None).unwrap();
        assert_eq!(identities.recognise(&token(&lasting), HERE).unwrap().user, "robot");
        for refused in [&ended, &orphan] {
            assert_eq!(identities.recognise(&token(refused), HERE).unwrap_err().code(), "request.unauthorized");
        }
        assert_eq!(identities.issued(Some("robot")).len(), 2);
        assert!(!serde_json::to_string(&identities.issued(None)).unwrap().contains(&lasting));
        let next =
            Identities::new(identities.users.clone(), &Limits::default(), Arc::clone(&identities.store)).unwrap();
        assert_eq!(next.known(&token(&lasting)).unwrap().unwrap().user, "robot", "it outlives the process");
        assert!(identities.revoke(&kept.hash).unwrap() && !identities.revoke(&kept.hash).unwrap());
        assert!(identities.recognise(&token(&lasting), HERE).is_err());
    }

    #[test]
    fn who_fails_too_often_waits() {
        let identities = identities(&Limits { sign_ins_per_minute: 2, ..Limits::default() });
        let code = |credentials| identities.recognise(&credentials, HERE).err().map(|error| error.code().to_owned());
        for _ in 0..5 {
            assert_eq!(code(password("ana", "right")), None, "who is right has not failed");
            identities.right.lock().unwrap().clear();
        }
        assert_eq!(code(token("a")).as_deref(), Some("request.unauthorized"));
        assert_eq!(code(password("ana", "b")).as_deref(), Some("request.unauthorized"));
        assert_eq!(code(password("ana", "c")).as_deref(), Some("request.throttled"));
        assert_eq!(code(password("ana", "right")).as_deref(), Some("request.throttled"));
        assert_eq!(code(token("rst_known")), None, "a good token is not held up by others' failures");
        let elsewhere = IpAddr::from([10, 0, 0, 1]);
        assert!(identities.recognise(&password("ana", "right"), elsewhere).is_ok());
    }

    #[test]
    fn who_asks_too_much_waits() {
        let identities = identities(&Limits { requests_per_second: 3, ..Limits::default() });
        let asked: Vec<bool> = (0..5).map(|_| identities.recognise(&token("rst_known"), HERE).is_ok()).collect();
        assert_eq!(asked[..3], [true; 3]);
        assert!(!asked[4]);
    }

    #[test]
    fn rights_are_by_role_and_by_name() {
        let identities = identities(&Limits::default());
        let (ana, robot) = (identities.identity("ana").unwrap(), identities.identity("robot").unwrap());
        assert!(ana.needs(Role::Operator, "restore").is_ok() && ana.needs(Role::Admin, "purge").is_err());
        assert_eq!(robot.needs(Role::Operator, "restore").unwrap_err().code(), "request.forbidden");
        assert!(ana.repository("box").is_ok() && ana.repository("other").is_err() && ana.target("any").is_ok());
        assert!(ana.kind("table").is_ok() && ana.kind("user").is_err());
        assert!(ana.steers("ana").is_ok() && ana.steers("ben").is_err() && robot.steers("robot").is_err());
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        let store = store();
        for (password, tokens, said) in
            [(Some("secret"), vec![], "password is no hash"), (None, vec!["sk-secret"], "tokens are SHA-256")]
        {
            let user = User {
                password: password.map(str::to_owned),
                tokens: tokens.into_iter().map(str::to_owned).collect(),
                role: Role::Reader,
                repositories: None,
                targets: None,
                kinds: None,
            };
            let users = BTreeMap::from([("ana".to_owned(), user)]);
            let error = Identities::new(users, &Limits::default(), Arc::clone(&store)).err().unwrap();
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
