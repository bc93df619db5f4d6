//! Reads what an operator writes for a target: `postgres://…` as in RFC 3986, or `postgres:KEY=VALUE …`.

use crate::error::{Error, Result};

use super::parameters::Parameters;

const PLACE: &str = "The target";

/// The parameters that the text names. Errors never repeat it: it may hold a password.
pub(super) fn parse(text: &str) -> Result<Parameters> {
    let rest = text
        .strip_prefix("postgres:")
        .or_else(|| text.strip_prefix("postgresql:"))
        .ok_or_else(|| Error::new("usage", "A PostgreSQL target is written postgres://[USER@]HOST[:PORT]/DATABASE"))?;
    match rest.strip_prefix("//") {
        Some(url) => parse_url(url),
        None => {
            let mut parameters = Parameters::default();
            for (key, value) in pairs(rest)? {
                parameters.put(&key, &value, PLACE)?;
            }
            Ok(parameters)
        }
    }
}

/// `[user[:password]@][host[:port],…][/dbname][?key=value&…]`
fn parse_url(url: &str) -> Result<Parameters> {
    let mut parameters = Parameters::default();
    // The user ends at the first @ before a slash: a password may hold a question mark.
    let rest = match url.find(['@', '/']).map(|at| url.split_at(at)) {
        Some((user, rest)) if rest.starts_with('@') => {
            put_user(&mut parameters, user)?;
            &rest[1..]
        }
        _ => url,
    };
    let (before, query) = rest.split_once('?').map_or((rest, None), |(before, query)| (before, Some(query)));
    let (hosts, database) = before.split_once('/').map_or((before, None), |(hosts, name)| (hosts, Some(name)));
    put_hosts(&mut parameters, hosts)?;
    if let Some(name) = database.filter(|name| !name.is_empty()) {
        parameters.set("dbname", &decoded(name)?);
    }
    for pair in query.into_iter().flat_map(|query| query.split('&')).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            Error::new("usage", "A parameter in the target's URL has no value; write ?KEY=VALUE&KEY=VALUE")
        })?;
        parameters.put(&decoded(key)?, &decoded(value)?, PLACE)?;
    }
    Ok(parameters)
}

fn put_user(parameters: &mut Parameters, text: &str) -> Result<()> {
    let (user, password) = text.split_once(':').map_or((text, None), |(user, password)| (user, Some(password)));
    if !user.is_empty() {
        parameters.set("user", &decoded(user)?);
    }
    if let Some(password) = password.filter(|password| !password.is_empty()) {
        parameters.set("password", &decoded(password)?);
    }
    Ok(())
}

fn put_hosts(parameters: &mut Parameters, text: &str) -> Result<()> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for one in text.split(',') {
        let (host, port) = host_and_port(one)?;
        hosts.push(decoded(host)?);
        ports.push(decoded(port)?);
    }
    if hosts.iter().any(|host| !host.is_empty()) {
        parameters.set("host", &hosts.join(","));
    }
    if ports.iter().any(|port| !port.is_empty()) {
        parameters.set("port", &ports.join(","));
    }
    Ok(())
}

/// An IPv6 address is in brackets, because it has colons itself.
fn host_and_port(text: &str) -> Result<(&str, &str)> {
    let wrong = || Error::new("usage", "An address in the target's URL is not HOST, HOST:PORT or [IPV6]:PORT");
    let Some(bracketed) = text.strip_prefix('[') else {
        let (host, port) = text.split_once(':').unwrap_or((text, ""));
        return if port.contains(':') { Err(wrong()) } else { Ok((host, port)) };
    };
    let (host, rest) = bracketed.split_once(']').ok_or_else(wrong)?;
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, port)),
        None if rest.is_empty() && !host.is_empty() => Ok((host, "")),
        None => Err(wrong()),
    }
}

/// Takes `%2F` and its like back.
fn decoded(text: &str) -> Result<String> {
    let wrong = || {
        Error::new(
            "usage",
            "A % in the target's URL is not followed by two hexadecimal digits of UTF-8; write % as %25",
        )
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let (high, low) = digit().zip(digit()).ok_or_else(wrong)?;
        let byte = u8::try_from(high << 4 | low).map_err(|_| wrong())?;
        if byte == 0 {
            return Err(wrong());
        }
        bytes.push(byte);
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

/// `key = value key='va\'lue'`, as libpq's `conninfo_parse` reads it.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let wrong =
            || Error::new("usage", "A parameter of the target has no value; write postgres:KEY=VALUE KEY=VALUE");
        let (key, after) = rest.split_once('=').ok_or_else(wrong)?;
        let key = key.trim_end();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(wrong());
        }
        let (value, after) = value(after.trim_start())?;
        pairs.push((key.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// A value, in quotes or up to the next space, and what follows it.
fn value(text: &str) -> Result<(String, &str)> {
    let (text, quoted) = text.strip_prefix('\'').map_or((text, false), |text| (text, true));
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            space if !quoted && space.is_whitespace() => return Ok((value, &text[at..])),
            other => value.push(other),
        }
    }
    if quoted {
        return Err(Error::new("usage", "A quoted value of the target does not end; write ' in it as \\'"));
    }
    Ok((value, ""))
}
