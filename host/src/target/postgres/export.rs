//! Writes a database into an archive.

use crate::backup::Writer;
use crate::error::Result;

use super::settings::Settings;

pub(super) fn export(settings: &Settings, writer: &mut Writer) -> Result<Option<String>> {
    let _ = (settings, writer);
    unimplemented!()
}
