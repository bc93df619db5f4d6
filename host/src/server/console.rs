//! The console: pages in the binary, which use the API like any other client.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};

use super::Server;

/// What a browser may do with the pages: load their own files, talk to their own server, and make no markup out of text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A file of the console.
struct File {
    path: &'static str,
    media_type: &'static str,
    text: &'static str,
    /// Its digest, by which a browser knows whether it has this one.
    tag: String,
}

macro_rules! files {
    ($($path:literal $media_type:ident $file:literal)*) => {
        vec![$(File::new($path, $media_type, include_str!(concat!("console/", $file)))),*]
    };
}

static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    files![
        "/" HTML "index.html"
        "/console/icon.svg" SVG "icon.svg"
        "/console/style.css" CSS "style.css"
        "/console/parts.css" CSS "parts.css"
        "/console/forms.css" CSS "forms.css"
        "/console/work.css" CSS "work.css"
        "/console/actions.js" SCRIPT "actions.js"
        "/console/api.js" SCRIPT "api.js"
        "/console/archive.js" SCRIPT "archive.js"
        "/console/dialog.js" SCRIPT "dialog.js"
        "/console/dom.js" SCRIPT "dom.js"
        "/console/events.js" SCRIPT "events.js"
        "/console/fields.js" SCRIPT "fields.js"
        "/console/findings.js" SCRIPT "findings.js"
        "/console/fixes.js" SCRIPT "fixes.js"
        "/console/format.js" SCRIPT "format.js"
        "/console/graph.js" SCRIPT "graph.js"
        "/console/log.js" SCRIPT "log.js"
        "/console/main.js" SCRIPT "main.js"
        "/console/objects.js" SCRIPT "objects.js"
        "/console/options.js" SCRIPT "options.js"
        "/console/parts.js" SCRIPT "parts.js"
        "/console/progress.js" SCRIPT "progress.js"
        "/console/report.js" SCRIPT "report.js"
        "/console/router.js" SCRIPT "router.js"
        "/console/session.js" SCRIPT "session.js"
        "/console/shortcuts.js" SCRIPT "shortcuts.js"
        "/console/sign-in.js" SCRIPT "sign-in.js"
        "/console/start.js" SCRIPT "start.js"
        "/console/steering.js" SCRIPT "steering.js"
        "/console/table.js" SCRIPT "table.js"
        "/console/views/backup.js" SCRIPT "views/backup.js"
        "/console/views/form.js" SCRIPT "views/form.js"
        "/console/views/job.js" SCRIPT "views/job.js"
        "/console/views/jobs.js" SCRIPT "views/jobs.js"
        "/console/views/make-backup.js" SCRIPT "views/make-backup.js"
        "/console/views/plan.js" SCRIPT "views/plan.js"
        "/console/views/plugins.js" SCRIPT "views/plugins.js"
        "/console/views/repositories.js" SCRIPT "views/repositories.js"
        "/console/views/snapshot.js" SCRIPT "views/snapshot.js"
        "/console/views/targets.js" SCRIPT "views/targets.js"
        "/console/views/upload.js" SCRIPT "views/upload.js"
    ]
});

impl File {
    fn new(path: &'static str, media_type: &'static str, text: &'static str) -> Self {
        let digest = Sha256::digest(text.as_bytes());
        let digits: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self { path, media_type, text, tag: format!("\"{digits}\"") }
    }

    /// The file, or that the browser has it.
    fn answer(&self, asked: &HeaderMap) -> Response {
        let known = asked.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
        let has_it =
            known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == self.tag));
        let mut response = if has_it { StatusCode::NOT_MODIFIED.into_response() } else { self.text.into_response() };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        if let Ok(tag) = HeaderValue::from_str(&self.tag) {
            headers.insert(header::ETAG, tag);
        }
        for (name, value) in ALWAYS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// Headers of every file.
const ALWAYS: [(HeaderName, &str); 6] = [
    // Asked for again each time, and sent only where it has changed: another version of the server has another console.
    (header::CACHE_CONTROL, "no-cache"),
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// The pages.
pub(crate) fn router() -> Router<Arc<Server>> {
    FILES.iter().fold(Router::new(), |router, file| {
        router.route(file.path, get(move |headers: HeaderMap| async move { file.answer(&headers) }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths of all files below a folder.
    fn below(folder: &std::path::Path, prefix: &str) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let of = |entry: std::fs::DirEntry| {
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() { below(&entry.path(), &format!("{name}/")) } else { vec![name] }
        };
        entries.flat_map(of).collect()
    }

    #[test]
    fn every_file_is_served() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server/console");
        for file in below(&folder, "") {
            let path = if file == "index.html" { "/".to_owned() } else { format!("/console/{file}") };
            assert!(FILES.iter().any(|known| known.path == path), "{file} is not served");
        }
    }

    #[test]
    fn every_import_names_a_file() {
        for file in FILES.iter().filter(|file| file.media_type == SCRIPT) {
            let folder = file.path.rsplit_once('/').unwrap().0;
            for line in file.text.lines().filter(|line| line.starts_with("import ")) {
                let named = line.split('"').nth(1).unwrap();
                let path = match named.strip_prefix("../") {
                    Some(up) => format!("{}/{up}", folder.rsplit_once('/').unwrap().0),
                    None => format!("{folder}/{}", named.strip_prefix("./").unwrap()),
                };
                assert!(FILES.iter().any(|known| known.path == path), "{} imports {named}", file.path);
            }
        }
    }

    #[test]
    fn a_browser_that_has_a_file_is_told_so() {
        let file = &FILES[0];
        let asked = |tags: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(tags) = tags {
                headers.insert(header::IF_NONE_MATCH, tags.parse().unwrap());
            }
            file.answer(&headers)
        };
        let both = format!("\"other\", W/{}", file.tag);
        for (tags, status) in
            [(None, 200), (Some(file.tag.as_str()), 304), (Some(&both), 304), (Some("\"other\""), 200)]
        {
            let answer = asked(tags);
            assert_eq!(answer.status().as_u16(), status, "{tags:?}");
            assert_eq!(answer.headers()[header::CONTENT_TYPE], HTML);
            assert_eq!(answer.headers()[header::CONTENT_SECURITY_POLICY], POLICY);
            assert_eq!(answer.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere_and_nothing_is_made_of_markup() {
        for file in FILES.iter() {
            let away = file.text.replace("http://www.w3.org/", "");
            for word in [
                "http://",
                "https://",
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                " style=",
                "<style",
                "onclick=\"",
            ] {
                assert!(!away.contains(word), "{} has {word}", file.path);
            }
        }
    }
}
