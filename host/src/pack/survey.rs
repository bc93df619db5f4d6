//! Looks through the packed folder once: which files are tables, graphs, packages and documents, and which are none of these.

use std::collections::BTreeMap;

use crate::error::Result;

use super::definitions;
use super::documents::Documents;
use super::input::{Input, Item, Kind, bad, join};

/// How a file holds rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Comma-separated values.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow's IPC, as a stream or as a file.
    Arrow,
}

/// A file of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowFile {
    /// As the folder names it.
    pub(crate) path: String,
    pub(crate) form: Form,
}

/// The files of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GraphFiles {
    pub(crate) nodes: RowFile,
    pub(crate) edges: RowFile,
}

/// What the folder holds.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) tables: BTreeMap<String, RowFile>,
    pub(crate) graphs: BTreeMap<String, GraphFiles>,
    /// Files in `environments/NAME/`, by that name.
    pub(crate) packages: BTreeMap<String, Vec<String>>,
    pub(crate) documents: Documents,
    /// Left out, each with its reason where it is not plain.
    pub(crate) ignored: Vec<String>,
}

/// Looks through the folder.
pub(crate) fn survey(input: &Input) -> Result<Contents> {
    let mut contents = Contents::default();
    for item in input.list("")? {
        match item.kind {
            Kind::File if document(input, &item.name, &mut contents.documents)? => {}
            Kind::Folder if item.name == "tables" => tables(input, &mut contents)?,
            Kind::Folder if item.name == "graphs" => graphs(input, &mut contents)?,
            Kind::Folder if item.name == "environments" => packages(input, &mut contents)?,
            Kind::Folder => match graph(input, &item.name, &mut contents.ignored)? {
                Some(files) => add_graph(&mut contents, item.name, files)?,
                None => contents.ignored.push(format!("{}/", item.name)),
            },
            Kind::File | Kind::Other => ignore(&mut contents.ignored, "", &item)?,
        }
    }
    Ok(contents)
}

/// Reads the document if the name is one of ours.
fn document(input: &Input, name: &str, documents: &mut Documents) -> Result<bool> {
    match name {
        "pack.json" => documents.pack = input.json(name)?,
        "columns.json" => documents.columns = input.json(name)?,
        "constraints.json" => documents.constraints = input.json(name)?,
        "indexes.json" => documents.indexes = input.json(name)?,
        "views.json" => documents.views = input.json(name)?,
        "functions.json" => documents.functions = input.json(name)?,
        "users.json" => documents.users = input.json(name)?,
        "roles.json" => documents.roles = input.json(name)?,
        "graphs.json" => documents.graphs = input.json(name)?,
        "subscriptions.json" => documents.subscriptions = input.json(name)?,
        _ => match definitions::kind(name) {
            Some(kind) => drop(documents.definitions.insert(kind, definitions::read(input, name)?)),
            None => return Ok(false),
        },
    }
    Ok(true)
}

/// Notes what is left out; what would be read if it were a regular file is refused instead.
fn ignore(ignored: &mut Vec<String>, folder: &str, item: &Item) -> Result<()> {
    const PLACES: [&str; 13] = [
        "tables",
        "graphs",
        "environments",
        "pack.json",
        "columns.json",
        "constraints.json",
        "indexes.json",
        "views.json",
        "functions.json",
        "users.json",
        "roles.json",
        "graphs.json",
        "subscriptions.json",
    ];
    let path = join(folder, &item.name);
    let wanted = PLACES.contains(&path.as_str())
        || definitions::kind(&path).is_some()
        || (!folder.is_empty() && row_form(&item.name).is_some());
    match item.kind {
        Kind::Other if wanted => Err(bad(&path, "This is a link or a special file; put the file itself in its place")),
        Kind::Folder if wanted => Err(bad(&path, "This is a folder where a file is expected")),
        Kind::File if wanted => Err(bad(&path, "This is a file where a folder is expected")),
        Kind::Other => {
            ignored.push(format!("{path} (a link or a special file)"));
            Ok(())
        }
        Kind::Folder => {
            ignored.push(format!("{path}/"));
            Ok(())
        }
        Kind::File => {
            ignored.push(path);
            Ok(())
        }
    }
}

/// `NAME.csv` is the name and the form.
fn row_form(file: &str) -> Option<(&str, Form)> {
    let (stem, extension) = file.rsplit_once('.')?;
    let form = match extension {
        "csv" => Form::Csv,
        "parquet" => Form::Parquet,
        "arrow" | "arrows" | "feather" => Form::Arrow,
        _ => return None,
    };
    (!stem.is_empty()).then_some((stem, form))
}

fn tables(input: &Input, contents: &mut Contents) -> Result<()> {
    for item in input.list("tables")? {
        match (item.kind, row_form(&item.name)) {
            (Kind::File, Some((name, form))) => {
                let file = RowFile { path: join("tables", &item.name), form };
                if let Some(other) = contents.tables.insert(name.to_owned(), file) {
                    return Err(bad(
                        &other.path,
                        format!("The table {name} has a second file, {}; keep one", item.name),
                    ));
                }
            }
            _ => ignore(&mut contents.ignored, "tables", &item)?,
        }
    }
    Ok(())
}

fn graphs(input: &Input, contents: &mut Contents) -> Result<()> {
    for item in input.list("graphs")? {
        if item.kind != Kind::Folder {
            ignore(&mut contents.ignored, "graphs", &item)?;
            continue;
        }
        let folder = join("graphs", &item.name);
        let files = graph(input, &folder, &mut contents.ignored)?;
        let files = files.ok_or_else(|| bad(&folder, "A graph needs two files here, `nodes` and `edges`"))?;
        add_graph(contents, item.name, files)?;
    }
    Ok(())
}

fn add_graph(contents: &mut Contents, name: String, files: GraphFiles) -> Result<()> {
    match contents.graphs.insert(name.clone(), files) {
        Some(other) => Err(bad(&other.nodes.path, format!("The graph {name} has a second folder; keep one"))),
        None => Ok(()),
    }
}

/// The graph in that folder, if it holds nodes and edges.
fn graph(input: &Input, folder: &str, ignored: &mut Vec<String>) -> Result<Option<GraphFiles>> {
    let mut sides: BTreeMap<String, RowFile> = BTreeMap::new();
    let mut others = Vec::new();
    for item in input.list(folder)? {
        match row_form(&item.name) {
            Some((side @ ("nodes" | "edges"), form)) if item.kind == Kind::File => {
                let file = RowFile { path: join(folder, &item.name), form };
                if let Some(other) = sides.insert(side.to_owned(), file) {
                    return Err(bad(&other.path, format!("There is a second file of {side}, {}; keep one", item.name)));
                }
            }
            _ => others.push(item),
        }
    }
    let (Some(nodes), Some(edges)) = (sides.remove("nodes"), sides.remove("edges")) else { return Ok(None) };
    for item in others {
        ignore(ignored, folder, &item)?;
    }
    Ok(Some(GraphFiles { nodes, edges }))
}

fn packages(input: &Input, contents: &mut Contents) -> Result<()> {
    for item in input.list("environments")? {
        if item.kind != Kind::Folder {
            ignore(&mut contents.ignored, "environments", &item)?;
            continue;
        }
        let files = input.list(&join("environments", &item.name))?;
        let files = files.into_iter().map(|file| file.name).collect();
        contents.packages.insert(item.name, files);
    }
    Ok(())
}
