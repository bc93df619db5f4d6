//! What is generated from `wit/`. These types stay inside [`crate::plugin`]; `convert` turns them into the host's own.

#![allow(missing_docs, unreachable_pub, reason = "Generated code")]

wasmtime::component::bindgen!({ path: "../wit", world: "handler-plugin" });
