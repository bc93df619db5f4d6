//! Restores definitions: objects that are a document with references.
use jsonschema as _;
use reinstate_plugin as _;
use serde as _;
use serde_json as _;
