//! Links a component with what it was granted, and with refusals for what it was not.

use std::collections::BTreeSet;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker};

use super::bindings::HandlerPluginIndices;
use super::bindings::layouts::LayoutPluginIndices;
use super::capability::{add_to_linker, full_name};
use super::component::{Exports, invalid};
use super::fault::Stop;
use super::grant::{Decision, Interface};
use super::guest::Linked;
use super::state::State;
use super::text::harmless;
use crate::error::{Error, Result};

/// Everything that instances of a plugin share.
pub(super) fn link(component: &Component, exports: Exports, decision: &Decision) -> Result<Linked> {
    let mut linker = Linker::new(component.engine());
    for interface in &decision.granted {
        add_to_linker(*interface, &mut linker).map_err(|error| internal(&error))?;
    }
    refuse(component, &decision.missing, &mut linker).map_err(|error| internal(&error))?;
    let linked = linker.instantiate_pre(component).and_then(|pre| {
        let handler = exports.handler.then(|| HandlerPluginIndices::new(&pre)).transpose()?;
        let layout = exports.layout.then(|| LayoutPluginIndices::new(&pre)).transpose()?;
        Ok(Linked { pre, handler, layout })
    });
    linked.map_err(|error| {
        let reason = harmless(&format!("{error:#}"), 1000);
        invalid(&format!("It does not fit the interface `reinstate:plugin@0.2.0` of this host: {reason}"))
    })
}

/// Stands in for interfaces that were not granted: the plugin can be asked what it is, and stops when it calls one.
fn refuse(component: &Component, missing: &BTreeSet<Interface>, linker: &mut Linker<State>) -> wasmtime::Result<()> {
    for interface in missing {
        for function in functions(component, *interface) {
            let interface = *interface;
            let refusal = move |_: wasmtime::StoreContextMut<'_, State>, _, _: &[_], _: &mut [_]| {
                Err(Stop::NotGranted(interface).into())
            };
            linker.instance(&full_name(interface))?.func_new(&function, refusal)?;
        }
    }
    Ok(())
}

/// Names of the functions that the component imports from an interface.
fn functions(component: &Component, interface: Interface) -> Vec<String> {
    let engine = component.engine();
    let imports = component.component_type();
    let prefix = format!("reinstate:plugin/{interface}@");
    let mut functions = Vec::new();
    for (name, item) in imports.imports(engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else { continue };
        if !name.starts_with(&prefix) {
            continue;
        }
        let items = instance.exports(engine).filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)));
        functions.extend(items.map(|(name, _)| name.to_owned()));
    }
    functions
}

fn internal(error: &wasmtime::Error) -> Error {
    Error::new("host.internal", format!("The sandbox could not be linked: {error:#}"))
}
