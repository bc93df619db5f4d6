//! From a repository's URL and its credentials to the client that reads and writes there.

use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Once};
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use crate::error::{Error, Result};
use crate::source::{Credentials, Place};

/// What a URL leads to.
pub(super) struct Opened {
    pub(super) client: Arc<dyn ObjectStore>,
    /// Where the repository begins in it.
    pub(super) root: Path,
    /// The folder, of a repository in a folder.
    pub(super) folder: Option<PathBuf>,
    pub(super) read_only: bool,
}

/// Checks that a repository could be at this URL, without going there.
pub fn check_url(url: &str) -> Result<()> {
    split(url).map(drop)
}

/// Makes the client. Nothing is read yet; a folder that is missing is made if `create`.
pub(super) fn open(place: &Place, create: bool) -> Result<Opened> {
    let (scheme, rest) = split(&place.url)?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let credentials = &place.credentials;
    let client: Arc<dyn ObjectStore> = match scheme {
        "file" => return folder(FilePath::new(rest), create),
        "s3" => Arc::new(s3(host, credentials)?),
        "gs" => Arc::new(google(host, credentials)?),
        "az" => Arc::new(azure(host, credentials)?),
        _ => Arc::new(http(&place.url)?),
    };
    let is_http = matches!(scheme, "http" | "https");
    // Of a web server, the whole URL is the root.
    let root = Path::parse(if is_http { "" } else { path.trim_matches('/') })
        .map_err(|error| bad(format!("The path of the repository's URL is refused: {error}")))?;
    Ok(Opened { client, root, folder: None, read_only: is_http })
}

/// Scheme, and what follows it.
fn split(url: &str) -> Result<(&str, &str)> {
    let Some((scheme, rest)) = url.split_once("://") else {
        if url.is_empty() || url.contains('\0') {
            return Err(bad("A repository's place is a folder or a URL, and this is neither"));
        }
        return Ok(("file", url));
    };
    let host = rest.split('/').next().unwrap_or_default();
    // It would be seen in the history, the list of processes and the file of repositories.
    if host.contains('@') {
        let message = "A repository's URL must not hold a user or password; give them in the environment or with --credentials FILE";
        return Err(bad(message));
    }
    if rest.contains(['?', '#']) {
        return Err(bad("A repository's URL has no `?` and no `#`; tokens belong into the environment or a file"));
    }
    match scheme {
        "file" if rest.starts_with('/') => Ok((scheme, rest)),
        "s3" | "gs" | "az" | "http" | "https" if !host.is_empty() => Ok((scheme, rest)),
        _ => Err(bad("Repositories are written as a path, or file:///PATH, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, \
             az://CONTAINER/PREFIX, http(s)://HOST/PATH")),
    }
}

fn folder(path: &FilePath, create: bool) -> Result<Opened> {
    let shown = path.display();
    if create {
        std::fs::create_dir_all(path)
            .map_err(|error| Error::new("repository.io", format!("The folder {shown} cannot be made: {error}")))?;
    }
    if !path.is_dir() {
        let message = format!("The repository's folder {shown} is not there; its first backup makes it");
        return Err(Error::new("repository.not_found", message));
    }
    let folder = std::fs::canonicalize(path)
        .map_err(|error| Error::new("repository.io", format!("The folder {shown} cannot be read: {error}")))?;
    let client = LocalFileSystem::new_with_prefix(&folder)
        .map_err(|error| Error::new("repository.io", format!("The folder {shown} cannot be read: {error}")))?
        .with_fsync(true);
    Ok(Opened { client: Arc::new(client), root: Path::default(), folder: Some(folder), read_only: false })
}

fn s3(bucket: &str, credentials: &Credentials) -> Result<impl ObjectStore> {
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket).with_retry(retry());
    let mut options = client_options();
    for (name, value) in of(credentials, "AWS_") {
        if name == "aws_allow_http" {
            options = options.with_allow_http(value.eq_ignore_ascii_case("true") || value == "1");
        } else if let Ok(key) = name.parse() {
            builder = builder.with_config(key, value);
        }
    }
    builder.with_client_options(options).build().map_err(unusable)
}

fn google(bucket: &str, credentials: &Credentials) -> Result<impl ObjectStore> {
    let mut builder = GoogleCloudStorageBuilder::new().with_bucket_name(bucket).with_retry(retry());
    for (name, value) in of(credentials, "GOOGLE_") {
        if let Ok(key) = name.parse() {
            builder = builder.with_config(key, value);
        }
    }
    builder.with_client_options(client_options()).build().map_err(unusable)
}

fn azure(container: &str, credentials: &Credentials) -> Result<impl ObjectStore> {
    let mut builder = MicrosoftAzureBuilder::new().with_container_name(container).with_retry(retry());
    let mut options = client_options();
    for (name, value) in of(credentials, "AZURE_") {
        if name == "azure_allow_http" {
            options = options.with_allow_http(value.eq_ignore_ascii_case("true") || value == "1");
        } else if let Ok(key) = name.parse() {
            builder = builder.with_config(key, value);
        }
    }
    builder.with_client_options(options).build().map_err(unusable)
}

fn http(url: &str) -> Result<impl ObjectStore> {
    let options = client_options().with_allow_http(true);
    HttpBuilder::new().with_url(url).with_retry(retry()).with_client_options(options).build().map_err(unusable)
}

/// The settings of one kind of store, by names in lower case.
fn of<'a>(credentials: &'a Credentials, prefix: &'static str) -> impl Iterator<Item = (String, &'a String)> {
    let own = move |(name, _): &&(String, String)| name.starts_with(prefix);
    credentials.0.iter().filter(own).map(|(name, value)| (name.to_ascii_lowercase(), value))
}

/// Lets HTTP clients speak TLS by ring.
pub(crate) fn choose_tls() {
    // One choice for the whole process, made by whoever comes first; an embedding program may have made another.
    static TLS: Once = Once::new();
    TLS.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

fn client_options() -> ClientOptions {
    choose_tls();
    // A body may take long; what must not is to hear nothing.
    ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(Duration::from_secs(10))
        .with_read_timeout(Duration::from_secs(60))
}

fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { max_backoff: Duration::from_secs(5), ..BackoffConfig::default() },
        max_retries: 6,
        retry_timeout: Duration::from_secs(60),
    }
}

fn bad(message: impl Into<String>) -> Error {
    Error::new("repository.bad_url", message)
}

/// The builder's errors speak of settings, which may be secrets: only their kind is passed on.
fn unusable(error: object_store::Error) -> Error {
    let text = super::store::safe_text(&error);
    Error::new("repository.bad_url", format!("The repository's client cannot be set up: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_places_without_secrets_are_taken() {
        let good = ["/a/b", "backups", "file:///a", "s3://b", "s3://b/p/q", "gs://b/p", "az://c", "https://h:8080/p"];
        for url in good {
            check_url(url).unwrap();
        }
        let bad = [
            "",
            "s3://",
            "s3://key:hush@bucket/p",
            "https://ann:hush@host/p",
            "ftp://host/p",
            "file://host/p",
            "https://h/p?sig=hush",
            "s3://b/p#x",
        ];
        for url in bad {
            let error = check_url(url).unwrap_err();
            assert_eq!(error.code(), "repository.bad_url", "{url}");
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }
}
