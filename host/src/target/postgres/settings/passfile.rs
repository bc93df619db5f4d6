//! The file of passwords, `.pgpass`: lines `host:port:database:user:password` of which the first that fits counts.

use std::path::{Path, PathBuf};

use crate::error::Result;

use super::Environment;
use super::address::{Address, Secret};
use super::parameters::Parameters;

/// Gives every address its password. Returns why the file was not read, where there is one that was not.
pub(super) fn fill(
    addresses: &mut [Address],
    parameters: &Parameters,
    environment: &Environment,
) -> Result<Option<String>> {
    if let Some(password) = parameters.get("password") {
        for address in addresses {
            address.password = Some(Secret::new(password));
        }
        return Ok(None);
    }
    let default = || environment.home.as_ref().map(|home| home.join(".pgpass"));
    let Some(file) = parameters.get("passfile").map(PathBuf::from).or_else(default) else { return Ok(None) };
    let text = match read(&file) {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(None),
        Err(why) => return Ok(Some(why)),
    };
    let (database, user) = (parameters.get("dbname").unwrap_or_default(), parameters.get("user").unwrap_or_default());
    for address in addresses {
        let port = address.port.to_string();
        let password = address.names().iter().find_map(|host| find(&text, [host, &port, database, user]));
        address.password = password.map(|password| Secret::new(&password));
    }
    Ok(None)
}

/// The file's text; `None` when there is none. One that others may read is not used, as libpq has it.
fn read(file: &Path) -> Result<Option<String>, String> {
    let metadata = match std::fs::metadata(file) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("the password file {} cannot be read: {error}", file.display())),
    };
    if !metadata.is_file() {
        return Err(format!("the password file {} is not a plain file, and was ignored", file.display()));
    }
    if is_open_to_others(&metadata) {
        return Err(format!(
            "the password file {} was ignored because others may read it; run chmod 0600 {}",
            file.display(),
            crate::text::quote(&file.display().to_string())
        ));
    }
    std::fs::read_to_string(file)
        .map(Some)
        .map_err(|error| format!("the password file {} cannot be read: {error}", file.display()))
}

#[cfg(unix)]
fn is_open_to_others(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_: &std::fs::Metadata) -> bool {
    false
}

/// The password of the first line whose four fields fit.
fn find(text: &str, wanted: [&str; 4]) -> Option<String> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.into_iter().find_map(|line| {
        let rest = wanted.iter().try_fold(line, |rest, wanted| after_field(rest, wanted))?;
        Some(field(rest).0)
    })
}

/// What follows the field, where that is `*` or the wanted text.
fn after_field<'a>(line: &'a str, wanted: &str) -> Option<&'a str> {
    if let Some(rest) = line.strip_prefix("*:") {
        return Some(rest);
    }
    let (text, rest) = field(line);
    rest.filter(|_| text == wanted)
}

/// A field without its escapes, and what is behind its colon.
fn field(line: &str) -> (String, Option<&str>) {
    let mut text = String::new();
    let mut letters = line.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            ':' => return (text, Some(&line[at + 1..])),
            '\\' => text.push(letters.next().map_or('\\', |(_, letter)| letter)),
            other => text.push(other),
        }
    }
    (text, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_counts() {
        let text = "# a comment\n\
            localhost:5432:db:ana:one\n\
            localhost:*:*:ana:two\n\
            *:5433:with\\:colon:b\\\\ob:th\\:r\\\\ee:ignored\n\
            h*:5432:db:ana:never\n\
            broken line\n\
            [::1]:5432:db:ana:never\n\
            \\:\\:1:5432:db:ana:six\n\
            *:*:*:last:\\";
        for (wanted, password) in [
            (["localhost", "5432", "db", "ana"], Some("one")),
            (["localhost", "5433", "db", "ana"], Some("two")),
            (["localhost", "5432", "other", "ana"], Some("two")),
            (["far", "5432", "db", "ana"], None),
            (["far", "5433", "with:colon", "b\\ob"], Some("th:r\\ee")),
            (["host", "5432", "db", "ana"], None),
            (["::1", "5432", "db", "ana"], Some("six")),
            (["x", "1", "y", "last"], Some("\\")),
            (["", "", "", ""], None),
        ] {
            assert_eq!(find(text, wanted).as_deref(), password, "{wanted:?}");
        }
    }
}
