//! What a plugin implements, and how it becomes the component's exports.

use std::marker::PhantomData;

use crate::bindings::exports::reinstate::plugin::handler::Guest;
use crate::{Counts, Failure, Finding, Object, Target, panic};

pub use crate::bindings::exports::reinstate::plugin::handler::{Description, Kind, Outlook};

/// A handler of kinds of objects. [`export!`](crate::export) makes a component of it.
///
/// Any call may be the first one of its instance: keep nothing in statics.
pub trait Handler {
    /// Name, version and kinds; see [`description!`](crate::description).
    fn describe() -> Description;

    /// What is to be expected of one object, before anything is written. Pure: no writing interface works, and entries
    /// cannot be read. A failure becomes a finding that refuses this object, so that one answer names all that is wrong.
    fn plan(object: &Object, target: &Target) -> Result<Outlook, Failure>;

    /// Creates the object in the stage, empty.
    fn begin(object: &Object, target: &Target) -> Result<(), Failure>;

    /// Restores part `part`, which is entry `part`. The counts are what the part held: rows appended, bytes read.
    fn restore(object: &Object, target: &Target, part: u32) -> Result<Counts, Failure>;

    /// Finishes the object after all of its parts.
    fn end(object: &Object, target: &Target) -> Result<(), Failure> {
        let _ = (object, target);
        Ok(())
    }

    /// Reads the stage back and compares it with what the archive says.
    fn verify(object: &Object, target: &Target) -> Result<Vec<Finding>, Failure>;
}

/// Carries a [`Handler`] to the component's exports. Named by [`export!`](crate::export) only.
#[derive(Debug)]
pub struct Exported<H>(PhantomData<H>);

impl<H: Handler> Guest for Exported<H> {
    fn describe() -> Description {
        panic::report();
        H::describe()
    }

    fn plan(objects: Vec<Object>, target: Target) -> Result<Vec<Outlook>, Failure> {
        panic::report();
        Ok(objects.iter().map(|object| H::plan(object, &target).unwrap_or_else(refused)).collect())
    }

    fn begin(object: Object, target: Target) -> Result<(), Failure> {
        panic::report();
        H::begin(&object, &target)
    }

    fn restore(object: Object, target: Target, part: u32) -> Result<Counts, Failure> {
        panic::report();
        H::restore(&object, &target, part)
    }

    fn end(object: Object, target: Target) -> Result<(), Failure> {
        panic::report();
        H::end(&object, &target)
    }

    fn verify(object: Object, target: Target) -> Result<Vec<Finding>, Failure> {
        panic::report();
        H::verify(&object, &target)
    }
}

fn refused(failure: Failure) -> Outlook {
    let fix = "Exclude the object, or take the backup again";
    Outlook { findings: vec![Finding::refusal(failure.code, failure.message, fix)], ..Outlook::new() }
}

/// Makes the component's exports of a [`Handler`]. Expands to nothing where the code is not built for the sandbox, so that
/// the crate's tests are ordinary native programs.
#[macro_export]
macro_rules! export {
    ($handler:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type ReinstateHandler = $crate::Exported<$handler>;
    $crate::export_bindings!(ReinstateHandler with_types_in $crate::bindings);
        };
    };
}

/// The [`Description`] of a plugin that is called like its crate (without a leading `reinstate-`) and has its version.
#[macro_export]
macro_rules! description {
    ($($kind:expr),+ $(,)?) => {
        $crate::Description {
            name: {
                let name = env!("CARGO_PKG_NAME");
                name.strip_prefix("reinstate-").unwrap_or(name).to_owned()
            },
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kinds: vec![$($kind),+],
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ObjectName, Severity};

    struct Picky;

    impl Handler for Picky {
        fn describe() -> Description {
            crate::description!(Kind::in_schema("thing"), Kind::global("user"))
        }
        fn plan(object: &Object, _: &Target) -> Result<Outlook, Failure> {
            match object.source.name.as_str() {
                "bad" => Err(Failure::new("thing.bad", "It is bad")),
                _ => Ok(Outlook { rows: 7, ..Outlook::new() }),
            }
        }
        fn begin(_: &Object, _: &Target) -> Result<(), Failure> {
            Ok(())
        }
        fn restore(_: &Object, _: &Target, _: u32) -> Result<Counts, Failure> {
            Ok(Counts { rows: 0, bytes: 0 })
        }
        fn verify(_: &Object, _: &Target) -> Result<Vec<Finding>, Failure> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn a_failure_to_plan_refuses_one_object_and_leaves_the_others() {
        let object = |name: &str| {
            let name = ObjectName { kind: "thing".into(), schema: None, name: name.into() };
            Object::new(name, "{}")
        };
        let target = Target::named("sqlite", "sqlite");
        let outlooks = <Exported<Picky> as Guest>::plan(vec![object("bad"), object("good")], target).unwrap();
        assert_eq!(outlooks.len(), 2);
        assert_eq!(outlooks[0].findings[0].severity, Severity::Refusal);
        assert_eq!(outlooks[0].findings[0].code, "thing.bad");
        assert_eq!((outlooks[1].rows, outlooks[1].findings.len()), (7, 0));
    }

    #[test]
    fn a_plugin_is_called_like_its_crate() {
        let description = <Exported<Picky> as Guest>::describe();
        assert_eq!((description.name.as_str(), description.kinds.len()), ("plugin", 2));
        assert!(description.kinds[0].in_schema && !description.kinds[1].in_schema);
    }
}
