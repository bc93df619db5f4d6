//! Giving a user access to what a job restores: in the switch, as another version of the user, which undo takes back.

use rusqlite::Connection;

use crate::error::Result;
use crate::plan::Step;
use crate::target::definition::{Permission, Principal};

use super::contents::{Contents, PrincipalContents};
use super::store::{self, ObjectRow, state};

/// The word for everything that can be done with an object.
const EVERYTHING: &str = "ALL";

/// Stages the user of the step with everything that it has and full access to what the other steps restore. A user that the target does
/// not know begins with nothing else.
pub(crate) fn stage(
    connection: &Connection,
    job: i64,
    step: &Step,
    known: Option<&ObjectRow>,
    steps: &[&Step],
) -> Result<ObjectRow> {
    let definition = known.map(|row| store::definition(connection, row.id)).transpose()?.flatten();
    let mut contents = definition.map(|json| Contents::read(&json)).transpose()?.unwrap_or_default();
    let mut principal = match contents.principal.take() {
        Some(principal) => principal,
        None => PrincipalContents::new(Principal {
            login: true,
            password_hash: None,
            valid_until: None,
            attributes: "{}".to_owned(),
        })?,
    };
    for restored in steps.iter().filter(|step| step.action.restores()) {
        let permission =
            Permission { privilege: EVERYTHING.to_owned(), on: Some(restored.into.clone()), grantable: true };
        if !principal.permissions.contains(&permission) {
            principal.permissions.push(permission);
        }
    }
    contents.principal = Some(principal);
    let row = ObjectRow {
        id: store::staged_id(job, step.id),
        name: step.into.clone(),
        state: state::STAGED.to_owned(),
        job,
        tables: Vec::new(),
    };
    store::put_object(connection, &row, Some(&contents.write()?))?;
    Ok(row)
}
