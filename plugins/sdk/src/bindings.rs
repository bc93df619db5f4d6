//! What `wit/` says, as Rust: generated, and named by nothing but this crate.

#![allow(unsafe_code, reason = "Memory crosses the sandbox's boundary in generated code")]
#![allow(missing_docs, unreachable_pub, reason = "Generated from the documented interface in wit/")]

wit_bindgen::generate!({
    world: "handler-plugin",
    path: "../../wit",
    additional_derives: [PartialEq],
    export_macro_name: "export_bindings",
    pub_export_macro: true,
    default_bindings_module: "reinstate_plugin::bindings",
});
