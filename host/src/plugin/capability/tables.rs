//! `tables`: the object's tables and their rows.

use bytes::Bytes;
use wasmtime::StoreContextMut;
use wasmtime::component::{HasSelf, Linker, WasmList};

use crate::error::{Error, Result as HostResult};
use crate::plugin::bindings::reinstate::plugin::tables::{self, Definition, Host, Index, Orphans, Summary};
use crate::plugin::bindings::reinstate::plugin::types::Failure;
use crate::plugin::capability::full_name;
use crate::plugin::grant::Interface;
use crate::plugin::state::{State, weight};
use crate::target::Work;
use crate::target::definition;

impl Host for State {
    fn create(&mut self, table: String, definition: Definition) -> Result<(), Failure> {
        let definition = definition::TableDefinition::from(definition);
        self.write("tables.create", weight(&definition), |work| work.create_table(&table, definition))
    }

    fn append(&mut self, table: String, columns: Vec<String>, form: String, batch: Vec<u8>) -> Result<u64, Failure> {
        self.append_rows(&table, &columns, &form, batch.into())
    }

    fn create_indexes(&mut self, table: String, indexes: Vec<Index>) -> Result<(), Failure> {
        let all: Vec<definition::Index> = indexes.into_iter().map(Into::into).collect();
        self.write("tables.create-indexes", weight(&all), |work| work.create_indexes(&table, all))
    }

    fn create_trigger(&mut self, table: String, name: String, statement: String) -> Result<(), Failure> {
        let bytes = name.len() + statement.len();
        self.write("tables.create-trigger", bytes, |work| work.create_trigger(&table, &name, &statement))
    }

    fn create_view(&mut self, columns: Vec<String>, query: String) -> Result<(), Failure> {
        let bytes = weight(&columns) + query.len();
        self.write("tables.create-view", bytes, |work| work.create_view(&columns, &query))
    }

    fn summarize(&mut self, table: String) -> Result<Summary, Failure> {
        self.look(|work| work.summarize(&table).map(Into::into))
    }

    fn find_orphans(
        &mut self,
        table: String,
        columns: Vec<String>,
        parent: String,
        references: Vec<String>,
    ) -> Result<Option<Orphans>, Failure> {
        self.look(|work| Ok(work.find_orphans(&table, &columns, &parent, &references)?.map(Into::into)))
    }
}

impl State {
    fn append_rows(&mut self, table: &str, columns: &[String], form: &str, batch: Bytes) -> Result<u64, Failure> {
        self.call(|state| {
            let taken = state.append("tables.append", batch.len(), |work| append(work, table, columns, form, batch))?;
            state.used.rows = state.used.rows.saturating_add(taken);
            state.check_rows()?;
            Ok(taken)
        })
    }

    /// Stops a plugin that makes rows up before it fills the target.
    fn check_rows(&self) -> HostResult<()> {
        let Some(expected) = self.expected_rows().filter(|expected| self.used.rows > *expected) else { return Ok(()) };
        let what = format!("appended {} rows of a part that has {expected}", self.used.rows);
        Err(self.blame("plugin.count_mismatch", &what))
    }
}

fn append(work: &mut dyn Work, table: &str, columns: &[String], form: &str, batch: Bytes) -> HostResult<u64> {
    // Targets look a form up by its name; one that is no word would only end up in their messages.
    if form.len() > 64 {
        return Err(Error::new("target.unsupported", "A form's name has at most 64 letters"));
    }
    work.append(table, columns, form, batch)
}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    tables::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    // The generated `append` copies each batch byte by byte; this one copies it once.
    linker.allow_shadowing(true);
    linker.instance(&full_name(Interface::Tables))?.func_wrap("append", append_directly)?;
    linker.allow_shadowing(false);
    Ok(())
}

type Batch = (String, Vec<String>, String, WasmList<u8>);

fn append_directly(
    mut store: StoreContextMut<'_, State>,
    (table, columns, form, batch): Batch,
) -> wasmtime::Result<(Result<u64, Failure>,)> {
    let batch = Bytes::copy_from_slice(batch.as_le_slice(&store));
    Ok((store.data_mut().append_rows(&table, &columns, &form, batch),))
}
