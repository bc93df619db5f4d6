//! What is generated from `wit/`. These types stay inside [`crate::plugin`]; `convert` turns them into the host's own.

#![allow(missing_docs, unreachable_pub, reason = "Generated code")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "handler-plugin",
    // Has no failure of its own to answer with.
    imports: { "reinstate:plugin/sql.examine": trappable },
});

/// What layouts have beside handlers; the values of both are the same types.
pub mod layouts {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "layout-plugin",
        with: {
            "reinstate:plugin/types": super::reinstate::plugin::types,
            "reinstate:plugin/log": super::reinstate::plugin::log,
        },
        imports: { "reinstate:plugin/archive.members": trappable },
    });
}
