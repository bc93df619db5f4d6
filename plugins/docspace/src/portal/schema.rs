//! The schema before a table's rows: its columns, their types, its key.

use std::collections::HashSet;
use std::io::BufRead;

use reinstate_plugin::Failure;
use reinstate_plugin::portable::TableAttributes;
use reinstate_plugin::tables::{Key, ValueType};

use crate::attributes::{MOST_COLUMNS, column};
use crate::fault::{bad_xml, too_large};
use crate::xml::{Event, Tag, Xml, decode_name, local};

/// Bytes before the rows; that of a thousand columns takes a tenth of it.
const LONGEST: u64 = 4 << 20;

/// What the schema says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Schema {
    /// What the rows' elements are called, as it is written.
    pub(crate) row: String,
    /// In the table's order.
    pub(crate) columns: Vec<Declared>,
    /// Elements of the primary key's columns, where the schema says which they are.
    key: Vec<String>,
}

/// A column.
#[derive(Debug, PartialEq)]
pub(crate) struct Declared {
    /// What its elements are called, as it is written.
    pub(crate) element: String,
    /// The schema's word for its type, without a prefix.
    kind: String,
    nullable: bool,
}

/// An element of the schema that is open.
#[derive(Debug, Default)]
struct Frame {
    /// `element`, `complexType`, …
    word: String,
    name: Option<String>,
    kind: Option<String>,
    nullable: bool,
    is_key: bool,
}

impl Frame {
    fn of(tag: &Tag) -> Self {
        Self {
            word: local(&tag.name).to_owned(),
            name: tag.get("name").map(str::to_owned),
            kind: tag.get("type").map(|kind| local(kind).to_owned()),
            nullable: tag.get("minOccurs") == Some("0"),
            is_key: tag.get("PrimaryKey") == Some("true"),
        }
    }
}

impl Schema {
    /// Reads up to the end of the schema. Fails with `docspace.bad_xml` where there is none, or none of one table.
    pub(super) fn read<B: BufRead>(xml: &mut Xml<B>) -> Result<Self, Failure> {
        let none = || bad_xml("It has no schema before its rows");
        let (mut schema, mut open) = (Self::default(), Vec::new());
        if !matches!(first(xml)?, Event::Open(_)) {
            return Err(none());
        }
        match first(xml)? {
            Event::Open(tag) if local(&tag.name) == "schema" => open.push(Frame::of(&tag)),
            _ => return Err(none()),
        }
        while !open.is_empty() {
            match xml.next()? {
                Event::Open(tag) => schema.opened(&tag, &mut open)?,
                Event::Close => schema.closed(&mut open)?,
                Event::Text(_) => {}
                Event::End => return Err(none()),
            }
            if xml.position() > LONGEST {
                return Err(too_large(format!("The schema is longer than {} MiB", LONGEST >> 20)));
            }
        }
        schema.check()?;
        Ok(schema)
    }

    fn opened(&mut self, tag: &Tag, open: &mut Vec<Frame>) -> Result<(), Failure> {
        match local(&tag.name) {
            // A type with a longest length, say, restricts another one.
            "restriction" => {
                let element = open.iter_mut().rev().find(|frame| frame.word == "element");
                if let Some(element) = element {
                    element.kind = tag.get("base").map(|base| local(base).to_owned());
                }
            }
            "field" if open.last().is_some_and(|frame| frame.is_key) => {
                if self.key.len() >= MOST_COLUMNS {
                    return Err(too_many());
                }
                self.key.extend(tag.get("xpath").map(|path| local(path).to_owned()));
            }
            _ => {}
        }
        open.push(Frame::of(tag));
        Ok(())
    }

    fn closed(&mut self, open: &mut Vec<Frame>) -> Result<(), Failure> {
        let Some(Frame { word, name: Some(name), kind: Some(kind), nullable, .. }) = open.pop() else { return Ok(()) };
        let [.., row, of, list] = &open[..] else { return Ok(()) };
        let is_column = word == "element"
            && (row.word.as_str(), of.word.as_str()) == ("element", "complexType")
            && matches!(list.word.as_str(), "sequence" | "all");
        let Some(row) = row.name.as_ref().filter(|_| is_column) else { return Ok(()) };
        if self.row.is_empty() {
            self.row.clone_from(row);
        }
        if self.row != *row {
            return Err(bad_xml("Its schema is that of more than one table"));
        }
        if self.columns.len() >= MOST_COLUMNS {
            return Err(too_many());
        }
        self.columns.push(Declared { element: name, kind, nullable });
        Ok(())
    }

    fn check(&self) -> Result<(), Failure> {
        if self.columns.is_empty() {
            return Err(bad_xml("Its schema has no columns"));
        }
        let mut names = HashSet::new();
        match self.columns.iter().find(|column| !names.insert(decode_name(&column.element))) {
            Some(twice) => Err(bad_xml("Its schema has a column twice").column(decode_name(&twice.element))),
            None => Ok(()),
        }
    }

    /// The table, as far as the schema says what it is.
    pub(crate) fn table(&self) -> TableAttributes {
        let is_known = |name: &String| self.columns.iter().any(|column| column.element == *name);
        let key = (!self.key.is_empty() && self.key.iter().all(is_known)).then(|| Key {
            name: None,
            columns: self.key.iter().map(|name| decode_name(name)).collect(),
            automatic: false,
        });
        let columns = self.columns.iter().map(|declared| {
            let nullable = declared.nullable && !self.key.contains(&declared.element);
            column(decode_name(&declared.element), values(&declared.kind), nullable)
        });
        TableAttributes { columns: columns.collect(), primary_key: key, ..TableAttributes::default() }
    }
}

/// The next event that is no space.
fn first<B: BufRead>(xml: &mut Xml<B>) -> Result<Event, Failure> {
    loop {
        match xml.next()? {
            Event::Text(text) if text.trim().is_empty() => {}
            event => return Ok(event),
        }
    }
}

fn too_many() -> Failure {
    too_large(format!("The schema has more than {MOST_COLUMNS} columns"))
}

/// What a target keeps of a type: what fits none stays text.
fn values(kind: &str) -> (ValueType, &'static str) {
    match kind {
        "boolean" => (ValueType::Boolean, "boolean"),
        "byte" | "short" | "unsignedByte" => (ValueType::Integer, "smallint"),
        "int" | "unsignedShort" => (ValueType::Integer, "integer"),
        "long" | "unsignedInt" => (ValueType::Integer, "bigint"),
        "decimal" | "unsignedLong" => (ValueType::Text, "numeric"),
        "float" => (ValueType::Real, "real"),
        "double" => (ValueType::Real, "double precision"),
        "base64Binary" => (ValueType::Bytes, "bytea"),
        "dateTime" => (ValueType::Text, "timestamp without time zone"),
        "date" => (ValueType::Text, "date"),
        _ => (ValueType::Text, "text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(columns: &str, after: &str) -> Result<Schema, Failure> {
        let text = format!(
            "<?xml version=\"1.0\"?><DocumentElement><xs:schema xmlns:xs=\"x\" xmlns:msdata=\"y\">\
             <xs:element name=\"NewDataSet\" msdata:IsDataSet=\"true\"><xs:complexType><xs:choice minOccurs=\"0\">\
             <xs:element name=\"core_user\"><xs:complexType><xs:sequence>{columns}</xs:sequence></xs:complexType></xs:element>\
             </xs:choice></xs:complexType>{after}</xs:element></xs:schema></DocumentElement>"
        );
        Schema::read(&mut Xml::new(text.as_bytes()))
    }

    #[test]
    fn columns_have_the_types_of_the_schema() {
        let schema = read(
            "<xs:element name=\"id\" type=\"xs:int\"/>\
             <xs:element name=\"last_x0020_name\" minOccurs=\"0\"><xs:simpleType><xs:restriction base=\"xs:string\">\
             <xs:maxLength value=\"3\"/></xs:restriction></xs:simpleType></xs:element>\
             <xs:element name=\"g\" msdata:DataType=\"System.Guid, mscorlib\" type=\"xs:string\" minOccurs=\"0\"/>\
             <xs:element name=\"p\" type=\"xs:base64Binary\" minOccurs=\"0\"/><xs:element name=\"d\" type=\"xs:duration\" minOccurs=\"0\"/>",
            "<xs:unique name=\"C1\" msdata:PrimaryKey=\"true\"><xs:selector xpath=\".//core_user\"/><xs:field xpath=\"mstns:id\"/></xs:unique>",
        )
        .unwrap();
        assert_eq!(schema.row, "core_user");
        let table = schema.table();
        let columns: Vec<_> = table
            .columns
            .iter()
            .map(|column| (column.name.as_str(), column.values, column.declared.as_str(), column.nullable))
            .collect();
        assert_eq!(
            columns,
            [
                ("id", ValueType::Integer, "integer", false),
                ("last name", ValueType::Text, "text", true),
                ("g", ValueType::Text, "text", true),
                ("p", ValueType::Bytes, "bytea", true),
                ("d", ValueType::Text, "text", true)
            ]
        );
        assert_eq!(table.primary_key.unwrap().columns, ["id"]);
    }

    #[test]
    fn a_schema_that_cannot_be_is_refused() {
        let many = "<xs:element name=\"c\" type=\"xs:int\"/>".repeat(MOST_COLUMNS + 1);
        let long = format!("<!--{}-->", "x".repeat(1 << 20)).repeat(5);
        for (columns, after, code) in [
            ("", "", "docspace.bad_xml"),
            (&many, "", "docspace.too_large"),
            (&long, "", "docspace.too_large"),
            (
                "<xs:element name=\"a\" type=\"xs:int\"/><xs:element name=\"_x0061_\" type=\"xs:int\"/>",
                "",
                "docspace.bad_xml",
            ),
            ("<xs:element name=\"a\" type=\"xs:int\">", "", "docspace.bad_xml"),
            (
                "<xs:element name=\"a\" type=\"xs:int\"/></xs:sequence></xs:complexType></xs:element><xs:element name=\"other\">\
                 <xs:complexType><xs:sequence><xs:element name=\"a\" type=\"xs:int\"/>",
                "",
                "docspace.bad_xml",
            ),
        ] {
            let failure = read(columns, after).unwrap_err();
            assert_eq!(failure.code, code, "{}: {failure:?}", &columns[..columns.len().min(100)]);
        }
        for text in ["<a><t/></a>", "<a/>", "<a>text<xs:schema/></a>"] {
            assert_eq!(Schema::read(&mut Xml::new(text.as_bytes())).unwrap_err().code, "docspace.bad_xml", "{text}");
        }
    }
}
