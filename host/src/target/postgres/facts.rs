//! What is there.

use crate::error::Result;
use crate::target::Facts;

use super::settings::Settings;

pub(super) fn inspect(settings: &Settings) -> Result<Facts> {
    let _ = settings;
    unimplemented!()
}
