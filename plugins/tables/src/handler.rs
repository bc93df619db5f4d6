//! Sends each call to the object's kind.

use reinstate_plugin::{Counts, Description, Failure, Finding, Handler, Kind, Object, Outlook, Target, description};

use crate::{table, view};

/// The handler of the kinds `table` and `view`.
#[derive(Debug)]
pub struct Tables;

fn is_view(object: &Object) -> bool {
    object.source.kind == "view"
}

impl Handler for Tables {
    fn describe() -> Description {
        description!(Kind::in_schema("table"), Kind::in_schema("view"))
    }

    fn plan(object: &Object, target: &Target) -> Result<Outlook, Failure> {
        if is_view(object) { view::plan(object, target) } else { table::plan(object, target) }
    }

    fn begin(object: &Object, target: &Target) -> Result<(), Failure> {
        if is_view(object) { view::begin(object, target) } else { table::begin(object, target) }
    }

    fn restore(object: &Object, target: &Target, part: u32) -> Result<Counts, Failure> {
        if is_view(object) {
            return Err(Failure::new("view.no_such_part", "A view has no rows of its own").in_part(object, part));
        }
        table::restore(object, target, part)
    }

    fn end(object: &Object, target: &Target) -> Result<(), Failure> {
        if is_view(object) { Ok(()) } else { table::end(object, target) }
    }

    fn verify(object: &Object, target: &Target) -> Result<Vec<Finding>, Failure> {
        if is_view(object) { view::verify(object, target) } else { table::verify(object, target) }
    }
}
