//! The parameters of a connection, by `libpq`'s names, whatever place they come from.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// `(parameter, variable)` of everything that is understood, sorted by neither.
const KNOWN: &[(&str, &str)] = &[
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("passfile", "PGPASSFILE"),
    ("service", "PGSERVICE"),
    ("servicefile", "PGSERVICEFILE"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("sslcrl", "PGSSLCRL"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("application_name", "PGAPPNAME"),
    ("fallback_application_name", ""),
    ("options", "PGOPTIONS"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS"),
    ("gssencmode", "PGGSSENCMODE"),
    ("client_encoding", "PGCLIENTENCODING"),
    ("keepalives", ""),
    ("keepalives_idle", ""),
    ("keepalives_interval", ""),
    ("keepalives_count", ""),
    ("tcp_user_timeout", ""),
    ("role", ""),
    // These demand something of the server that is not looked at here: refused, never passed over.
    ("require_auth", "PGREQUIREAUTH"),
    ("requirepeer", "PGREQUIREPEER"),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    ("sslcrldir", "PGSSLCRLDIR"),
];

const REFUSED: &[&str] = &["require_auth", "requirepeer", "ssl_max_protocol_version", "sslcrldir"];

/// Values by parameter. An empty value stands for the default, and keeps later places from giving one.
#[derive(Clone, Default)]
pub(crate) struct Parameters(BTreeMap<&'static str, String>);

impl Parameters {
    /// The value, where one is given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Gives a value; what was given before is gone. The name must be one that is known.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        if let Some((known, _)) = KNOWN.iter().find(|(known, _)| *known == name) {
            self.0.insert(known, value.to_owned());
        }
    }

    /// Gives a value that an operator wrote at `place`.
    pub(crate) fn put(&mut self, name: &str, value: &str, place: &str) -> Result<()> {
        // What JDBC's URLs say.
        if name == "ssl" && value == "true" {
            return self.put("sslmode", "require", place);
        }
        let Some((known, _)) = KNOWN.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> =
                KNOWN.iter().map(|(known, _)| *known).filter(|name| !REFUSED.contains(name)).collect();
            let message =
                format!("{place} has the parameter `{name}`, which is not known; known are {}", known.join(", "));
            return Err(Error::new("usage", message));
        };
        refuse(known, value, place)?;
        self.0.insert(known, value.to_owned());
        Ok(())
    }

    /// Gives a value unless an earlier place did.
    pub(crate) fn put_missing(&mut self, name: &str, value: &str, place: &str) -> Result<()> {
        if self.0.contains_key(name) { Ok(()) } else { self.put(name, value, place) }
    }

    /// Takes from the variables `PG*` what no earlier place gave.
    pub(crate) fn fill_from_variables(&mut self, variables: &BTreeMap<String, String>) -> Result<()> {
        for (parameter, variable) in KNOWN.iter().filter(|(_, variable)| !variable.is_empty()) {
            if let Some(value) = variables.get(*variable) {
                self.put_missing(parameter, value, &format!("The variable {variable}"))?;
            }
        }
        Ok(())
    }

    /// The value as a number.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let wrong = |_| Error::new("usage", format!("The parameter {name} wants a whole number, not `{value}`"));
        value.trim().parse().map(Some).map_err(wrong)
    }

    /// The value, which must be one of `choices`; the first of them when absent.
    pub(crate) fn choice<'a>(&self, name: &str, choices: &[&'a str]) -> Result<&'a str> {
        let Some(value) = self.get(name) else { return Ok(choices.first().copied().unwrap_or_default()) };
        let wrong =
            || Error::new("usage", format!("The parameter {name} is one of {}, not `{value}`", choices.join(", ")));
        choices.iter().find(|choice| **choice == value).copied().ok_or_else(wrong)
    }
}

fn refuse(name: &str, value: &str, place: &str) -> Result<()> {
    if REFUSED.contains(&name) && !value.is_empty() {
        return Err(Error::new("usage", format!("{place} has the parameter `{name}`, which is not supported here")));
    }
    Ok(())
}
