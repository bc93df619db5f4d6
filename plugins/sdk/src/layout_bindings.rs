//! What `wit/layout.wit` says, as Rust; values that handlers have as well are the same types.

#![allow(unsafe_code, reason = "Memory crosses the sandbox's boundary in generated code")]
#![allow(missing_docs, unreachable_pub, reason = "Generated from the documented interface in wit/")]

wit_bindgen::generate!({
    world: "layout-plugin",
    path: "../../wit",
    additional_derives: [PartialEq],
    with: {
        "reinstate:plugin/types@0.2.0": crate::bindings::reinstate::plugin::types,
        "reinstate:plugin/log@0.2.0": crate::bindings::reinstate::plugin::log,
    },
    export_macro_name: "export_layout_bindings",
    pub_export_macro: true,
    default_bindings_module: "reinstate_plugin::layout_bindings",
});
