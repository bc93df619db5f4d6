//! Writes a database into an archive.

use crate::backup::Writer;
use crate::error::{Error, Result};

use super::settings::Settings;

pub(super) fn export(_: &Settings, _: &mut Writer) -> Result<Option<String>> {
    Err(Error::new("target.unsupported", "This target offers no backups"))
}
