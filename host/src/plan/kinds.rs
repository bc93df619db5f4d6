//! Which plugin restores which kind.

use std::collections::HashMap;

use super::{KindDescription, PluginDescription};

/// Plugins by the kinds they restore.
pub(crate) struct Kinds<'a>(HashMap<&'a str, (&'a PluginDescription, &'a KindDescription)>);

impl<'a> Kinds<'a> {
    pub(crate) fn new(plugins: &'a [PluginDescription]) -> Self {
        let kinds = plugins.iter().flat_map(|plugin| plugin.kinds.iter().map(move |kind| (plugin, kind)));
        Self(kinds.map(|(plugin, kind)| (kind.name.as_str(), (plugin, kind))).collect())
    }

    /// The plugin that restores objects of the kind.
    pub(crate) fn plugin(&self, kind: &str) -> Option<&'a PluginDescription> {
        self.0.get(kind).map(|(plugin, _)| *plugin)
    }

    /// Whether objects of the kind live in a schema; `None` for a kind that nobody knows.
    pub(crate) fn in_schema(&self, kind: &str) -> Option<bool> {
        self.0.get(kind).map(|(_, kind)| kind.in_schema)
    }
}
