//! What `wit/` says, as Rust: generated, and named by nothing but this crate.
//!
//! Records that the archive format writes the same way as JSON can be read from it; what may be absent there is said here.

#![allow(unsafe_code, reason = "Memory crosses the sandbox's boundary in generated code")]
#![allow(missing_docs, unreachable_pub, reason = "Generated from the documented interface in wit/")]

pub(crate) fn no_action() -> String {
    "NO ACTION".to_owned()
}

wit_bindgen::generate!({
    world: "handler-plugin",
    path: "../../wit",
    additional_derives: [PartialEq],
    additional_type_attributes: {
        "reinstate:plugin/types@0.2.0/object-name": [#[derive(serde::Deserialize, serde::Serialize)] #[serde(deny_unknown_fields)]],
        "reinstate:plugin/tables@0.2.0/value-type": [#[derive(serde::Deserialize, serde::Serialize)] #[serde(rename_all = "lowercase")]],
        "reinstate:plugin/tables@0.2.0/column": [#[derive(serde::Deserialize, serde::Serialize)] #[serde(deny_unknown_fields)]],
        "reinstate:plugin/tables@0.2.0/generated": [#[derive(serde::Deserialize, serde::Serialize)] #[serde(deny_unknown_fields)]],
        "reinstate:plugin/tables@0.2.0/key": [#[derive(serde::Deserialize, serde::Serialize)] #[serde(deny_unknown_fields)]],
        "reinstate:plugin/tables@0.2.0/foreign-key": [#[derive(serde::Deserialize, serde::Serialize)] #[serde(deny_unknown_fields)]],
        "reinstate:plugin/tables@0.2.0/check": [#[derive(serde::Deserialize, serde::Serialize)] #[serde(deny_unknown_fields)]],
        "reinstate:plugin/tables@0.2.0/index": [#[derive(serde::Deserialize, serde::Serialize)] #[serde(deny_unknown_fields)]],
        "reinstate:plugin/tables@0.2.0/index-column": [#[derive(serde::Deserialize, serde::Serialize)] #[serde(deny_unknown_fields)]],
        "reinstate:plugin/principals@0.2.0/membership": [#[derive(serde::Deserialize)] #[serde(deny_unknown_fields)]],
        "reinstate:plugin/principals@0.2.0/permission": [#[derive(serde::Deserialize)] #[serde(deny_unknown_fields)]],
        "reinstate:plugin/principals@0.2.0/token": [#[derive(serde::Deserialize)] #[serde(deny_unknown_fields)]],
    },
    additional_member_attributes: {
        "reinstate:plugin/types@0.2.0/object-name.schema": [#[serde(default, skip_serializing_if = "Option::is_none")]],
        "reinstate:plugin/tables@0.2.0/column.declared": [#[serde(default)]],
        "reinstate:plugin/tables@0.2.0/column.nullable": [#[serde(default)]],
        "reinstate:plugin/tables@0.2.0/generated.stored": [#[serde(default)]],
        "reinstate:plugin/tables@0.2.0/key.automatic": [#[serde(default)]],
        "reinstate:plugin/tables@0.2.0/foreign-key.references": [#[serde(default)]],
        "reinstate:plugin/tables@0.2.0/foreign-key.on-update": [#[serde(default = "crate::bindings::no_action")]],
        "reinstate:plugin/tables@0.2.0/foreign-key.on-delete": [#[serde(default = "crate::bindings::no_action")]],
        "reinstate:plugin/tables@0.2.0/foreign-key.deferred": [#[serde(default)]],
        "reinstate:plugin/tables@0.2.0/index.unique": [#[serde(default)]],
        "reinstate:plugin/tables@0.2.0/index-column.expression": [#[serde(default)]],
        "reinstate:plugin/tables@0.2.0/index-column.descending": [#[serde(default)]],
        "reinstate:plugin/principals@0.2.0/membership.admin": [#[serde(default)]],
        "reinstate:plugin/principals@0.2.0/permission.grantable": [#[serde(default)]],
        "reinstate:plugin/principals@0.2.0/token.description": [#[serde(default)]],
    },
    export_macro_name: "export_bindings",
    pub_export_macro: true,
    default_bindings_module: "reinstate_plugin::bindings",
});
