//! Which plugin restores which kind in an archive.

use std::collections::HashMap;

use super::{KindDescription, PluginDescription};

/// Plugins by the kinds they restore.
pub(crate) struct Kinds<'a>(HashMap<&'a str, (&'a PluginDescription, &'a KindDescription)>);

impl<'a> Kinds<'a> {
    /// In an archive that a layout recognised, by the plugin of that name, that plugin's kinds are its own. Kinds of other
    /// plugins with a layout never count: they restore what they found themselves, and nothing else.
    pub(crate) fn new(plugins: &'a [PluginDescription], layout: Option<&str>) -> Self {
        let is_owner = |plugin: &PluginDescription| plugin.layout && layout == Some(plugin.identity.name.as_str());
        let plain = plugins.iter().filter(|plugin| !plugin.layout);
        // The last one counts.
        let all = plain.chain(plugins.iter().filter(|plugin| is_owner(plugin)));
        let kinds = all.flat_map(|plugin| plugin.kinds.iter().map(move |kind| (plugin, kind)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Digest;
    use crate::plan::PluginIdentity;

    #[test]
    fn a_layouts_kinds_are_its_own_and_only_in_its_archives() {
        let plugin = |name: &str, layout: bool, kinds: &[&str]| PluginDescription {
            identity: PluginIdentity { name: name.into(), version: "1".into(), digest: Digest([0; 32]) },
            kinds: kinds
                .iter()
                .map(|kind| KindDescription { name: (*kind).to_owned(), in_schema: *kind != "user" })
                .collect(),
            missing_grants: Vec::new(),
            layout,
        };
        let plugins = [
            plugin("mydump", true, &["table", "event"]),
            plugin("pgdump", true, &["table", "role", "policy"]),
            plugin("tables", false, &["table", "view"]),
            plugin("users", false, &["user", "role"]),
        ];
        let cases = [
            (None, [Some("tables"), Some("tables"), Some("users"), Some("users"), None, None]),
            (Some("pgdump"), [Some("pgdump"), Some("tables"), Some("users"), Some("pgdump"), Some("pgdump"), None]),
            (Some("mydump"), [Some("mydump"), Some("tables"), Some("users"), Some("users"), None, Some("mydump")]),
            (Some("tables"), [Some("tables"), Some("tables"), Some("users"), Some("users"), None, None]),
        ];
        for (layout, expected) in cases {
            let kinds = Kinds::new(&plugins, layout);
            let found = ["table", "view", "user", "role", "policy", "event"]
                .map(|kind| kinds.plugin(kind).map(|plugin| plugin.identity.name.as_str()));
            assert_eq!(found, expected, "{layout:?}");
        }
        assert_eq!(Kinds::new(&plugins, None).in_schema("user"), Some(false));
    }
}
