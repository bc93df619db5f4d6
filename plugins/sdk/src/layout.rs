//! What a plugin implements that understands a foreign backup, and how it becomes the component's exports.

use std::cell::RefCell;
use std::marker::PhantomData;

use crate::layout_bindings::exports::reinstate::plugin::layout::Guest;
use crate::{ArchiveReader, Failure, HostArchive, panic};

pub use crate::layout_bindings::exports::reinstate::plugin::layout::{
    Backup, Compression, Extent, Item, Payload, Section,
};

/// A reader of one sort of foreign backups. [`export_layout!`](crate::export_layout) makes a component of it, beside
/// [`export!`](crate::export) where the plugin restores what it found as well.
///
/// One instance reads one archive, so a layout keeps what it knows in itself.
pub trait Layout: Sized + 'static {
    /// What the archive is, in words for the operator (`pg_dump custom 1.16`); nothing when it is none of this layout's.
    /// Cheap: a look at names and first bytes.
    fn recognise(archive: &dyn ArchiveReader) -> Option<String>;

    /// Reads as much as it takes to know the objects.
    fn open(archive: &dyn ArchiveReader) -> Result<(Self, Backup), Failure>;

    /// The next objects, at most a few thousand; none when all were given.
    fn objects(&mut self, archive: &dyn ArchiveReader) -> Result<Vec<Item>, Failure>;
}

/// Gives the next objects of the open archive.
type Objects = Box<dyn FnMut() -> Result<Vec<Item>, Failure>>;

thread_local! {
    /// The archive that this instance has open. A guest has one thread.
    static OPEN: RefCell<Option<Objects>> = const { RefCell::new(None) };
}

/// Carries a [`Layout`] to the component's exports. Named by [`export_layout!`](crate::export_layout) only.
#[derive(Debug)]
pub struct ExportedLayout<L>(PhantomData<L>);

impl<L: Layout> Guest for ExportedLayout<L> {
    fn recognise() -> Option<String> {
        panic::report();
        L::recognise(&HostArchive)
    }

    fn open() -> Result<Backup, Failure> {
        panic::report();
        let (mut layout, backup) = L::open(&HostArchive)?;
        let objects: Objects = Box::new(move || layout.objects(&HostArchive));
        OPEN.with(|open| open.replace(Some(objects)));
        Ok(backup)
    }

    fn objects() -> Result<Vec<Item>, Failure> {
        panic::report();
        OPEN.with(|open| match open.borrow_mut().as_mut() {
            Some(objects) => objects(),
            None => {
                Err(Failure::new("layout.not_open", "The archive was not opened before its objects were asked for"))
            }
        })
    }
}

/// Makes the component's exports of a [`Layout`]. Expands to nothing where the code is not built for the sandbox.
#[macro_export]
macro_rules! export_layout {
    ($layout:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type ReinstateLayout = $crate::ExportedLayout<$layout>;
    $crate::export_layout_bindings!(ReinstateLayout with_types_in $crate::layout_bindings);
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Never;

    impl Layout for Never {
        fn recognise(_: &dyn ArchiveReader) -> Option<String> {
            None
        }
        fn open(_: &dyn ArchiveReader) -> Result<(Self, Backup), Failure> {
            Err(Failure::new("never.opened", "It is not for opening"))
        }
        fn objects(&mut self, _: &dyn ArchiveReader) -> Result<Vec<Item>, Failure> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn objects_of_an_archive_that_is_not_open_are_a_failure() {
        assert_eq!(<ExportedLayout<Never> as Guest>::recognise(), None);
        assert_eq!(<ExportedLayout<Never> as Guest>::open().unwrap_err().code, "never.opened");
        assert_eq!(<ExportedLayout<Never> as Guest>::objects().unwrap_err().code, "layout.not_open");
    }
}
