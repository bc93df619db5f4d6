//! Compiled plugins and what they said of themselves, kept between runs under a key of this installation.
//!
//! The engine takes machine code on trust, damaged bits and all, so every file carries a MAC over what it is and what
//! it holds. What does not fit is compiled again; no failure here is anyone's error.

use std::fs::{self, DirBuilder, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tempfile::NamedTempFile;
use wasmtime::component::Component;

use super::compile::trust;
use super::describe::Described;
use super::engine::engine;
use crate::catalog::Digest;

const KEY_BYTES: usize = 32;
const MAC_BYTES: usize = 32;
/// What a file holds is the end of its name.
const CODE: &str = "cwasm";
const DESCRIPTION: &str = "json";
/// Compiled code is five to ten times the size of a component, which has at most 32 MiB.
const CODE_BYTES: u64 = 1 << 30;

/// An open cache.
pub(super) struct Cache {
    folder: PathBuf,
    key: [u8; KEY_BYTES],
    /// Code of another engine, or of this one with other settings, is other code.
    engine: u64,
}

impl Cache {
    /// Opens or makes the cache; `None` where it cannot be kept private.
    pub(super) fn open(folder: &Path) -> Option<Self> {
        let mut hasher = DefaultHasher::new();
        engine().ok()?.precompile_compatibility_hash().hash(&mut hasher);
        let engine = hasher.finish();
        private(folder).ok()?;
        let key = key(folder).ok()?;
        Some(Self { folder: folder.to_owned(), key, engine })
    }

    /// The code of a component, when it is there and as we wrote it.
    pub(super) fn load(&self, wasm: &Digest) -> Option<Component> {
        self.read(wasm, CODE, trust)
    }

    /// What the plugin said of itself: a start with a warm cache need not load code that it may not use.
    pub(super) fn description(&self, wasm: &Digest) -> Option<Described> {
        self.read(wasm, DESCRIPTION, |json| serde_json::from_slice(json).ok())
    }

    /// Keeps what a plugin said of itself, if it can.
    pub(super) fn keep_description(&self, wasm: &Digest, described: &Described) {
        let _ = serde_json::to_vec(described).ok().and_then(|json| self.write(wasm, DESCRIPTION, &json));
    }

    fn read<T>(&self, wasm: &Digest, what: &str, understand: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        let mut file = Vec::new();
        open(&self.path(wasm, what)).ok()?.take(CODE_BYTES).read_to_end(&mut file).ok()?;
        let (mac, content) = file.split_at_checked(MAC_BYTES)?;
        self.mac(wasm, what, content)?.verify_slice(mac).ok()?;
        understand(content)
    }

    fn write(&self, wasm: &Digest, what: &str, content: &[u8]) -> Option<()> {
        let mac = self.mac(wasm, what, content)?.finalize().into_bytes();
        whole(&self.folder, &[&mac, content]).ok()?.persist(self.path(wasm, what)).ok().map(drop)
    }

    /// Keeps the code of a component, if it can.
    pub(super) fn keep(&self, wasm: &Digest, component: &Component) {
        // A cache that cannot be written costs time at the next start, and nothing now.
        let _ = component.serialize().ok().and_then(|code| self.write(wasm, CODE, &code));
    }

    fn path(&self, wasm: &Digest, what: &str) -> PathBuf {
        self.folder.join(format!("{wasm}-{:016x}.{what}", self.engine))
    }

    /// Over the file's name as well: no file may stand in for another.
    fn mac(&self, wasm: &Digest, what: &str, content: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(b"reinstate plugin cache 1\0");
        mac.update(what.as_bytes());
        mac.update(b"\0");
        mac.update(&wasm.0);
        mac.update(&self.engine.to_le_bytes());
        mac.update(content);
        Some(mac)
    }
}

/// Makes the folder, and sees to it that only its owner can enter.
fn private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mode = fs::metadata(folder)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Opens a file of the cache; not through a link, which could lead anywhere.
fn open(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new().read(true).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32).open(path)
}

/// The installation's key. A new one when there is none, or when others could have read it; old files then fit no more.
fn key(folder: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let path = folder.join("key");
    read_key(&path).or_else(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            fs::remove_file(&path)?;
        }
        let mut key = [0; KEY_BYTES];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        // Several may start at the same time: the first key counts, for all.
        match whole(folder, &[&key])?.persist_noclobber(&path) {
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
            _ => read_key(&path),
        }
    })
}

fn read_key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let mut file = open(path)?;
    let about = file.metadata()?;
    if about.permissions().mode() & 0o077 != 0
        || about.len() != KEY_BYTES as u64
        || about.uid() != rustix::process::getuid().as_raw()
    {
        return Err(io::Error::other("Not a private key"));
    }
    let mut key = [0; KEY_BYTES];
    file.read_exact(&mut key)?;
    Ok(key)
}

/// A file that is on disk and has no name yet; temporary files have the mode 0600.
fn whole(folder: &Path, parts: &[&[u8]]) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(folder)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.as_file().sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component() -> (Digest, Component) {
        let wasm = wat::parse_str(r#"(component (core module (func (export "f") (result i32) i32.const 7)))"#).unwrap();
        (Digest([7; 32]), Component::from_binary(engine().unwrap(), &wasm).unwrap())
    }

    #[test]
    fn keeps_code_privately_and_gives_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/cache");
        let cache = Cache::open(&path).unwrap();
        let (digest, component) = component();
        assert!(cache.load(&digest).is_none());
        cache.keep(&digest, &component);
        assert!(Cache::open(&path).unwrap().load(&digest).is_some(), "The key is kept");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("key")), 0o600);
        assert_eq!(mode(&cache.path(&digest, CODE)), 0o600);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 2, "Nothing temporary is left");
    }

    #[test]
    fn all_who_start_at_once_have_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let started: Vec<_> = (0..8).map(|_| scope.spawn(|| Cache::open(folder.path()).unwrap().key)).collect();
            started.into_iter().map(|opened| opened.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn no_changed_bit_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let (digest, component) = component();
        cache.keep(&digest, &component);
        let path = cache.path(&digest, CODE);
        let whole = fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 64) {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(&path, &flipped).unwrap();
            assert!(cache.load(&digest).is_none(), "Bit {} of byte {at}", at % 8);
        }
        for end in [0, 31, 32, whole.len() - 1] {
            fs::write(&path, &whole[..end]).unwrap();
            assert!(cache.load(&digest).is_none(), "Cut at {end}");
        }
        fs::write(&path, &whole).unwrap();
        assert!(cache.load(&digest).is_some());
    }

    #[test]
    fn a_file_fits_only_its_own_component_and_key() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let (digest, component) = component();
        cache.keep(&digest, &component);
        let other = Digest([8; 32]);
        fs::copy(cache.path(&digest, CODE), cache.path(&other, CODE)).unwrap();
        assert!(cache.load(&other).is_none(), "Under another name");

        let key = folder.path().join("key");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        let reopened = Cache::open(folder.path()).unwrap();
        assert!(reopened.load(&digest).is_none(), "A key that others could read is replaced");
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_no_cache() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(Cache::open(&file.join("cache")).is_none());
    }
}
