//! Tables of a portal's backup: what .NET's `DataTable.WriteXml` writes, with its schema before the rows.

use std::collections::HashMap;
use std::io::BufRead;

use reinstate_plugin::Failure;

use crate::fault::{bad_xml, shown};
use crate::rows::{Room, Rows, Value};
use crate::xml::{self, Event, Tag, Xml};

mod schema;

pub(crate) use schema::Schema;

/// A table whose schema was read and whose rows come next.
pub(crate) struct Portal<B> {
    xml: Xml<B>,
    /// What the rows' elements are called.
    row: String,
    /// Places of columns by the names of their elements.
    columns: HashMap<String, usize>,
    /// Rows that were read.
    rows: u64,
    is_over: bool,
}

impl<B: BufRead> Portal<B> {
    /// Reads the schema.
    pub(crate) fn open(source: B) -> Result<(Self, Schema), Failure> {
        let mut xml = Xml::new(source);
        let schema = Schema::read(&mut xml)?;
        let columns = schema.columns.iter().enumerate().map(|(at, column)| (column.element.clone(), at)).collect();
        let portal = Self { xml, row: schema.row.clone(), columns, rows: 0, is_over: false };
        Ok((portal, schema))
    }

    fn next_row(&mut self, row: &mut [Value]) -> Result<bool, Failure> {
        if self.is_over {
            return Ok(false);
        }
        loop {
            match self.xml.next()? {
                Event::Text(text) => check_blank(&text)?,
                Event::Open(tag) if tag.name == self.row => return self.values(row).map(|()| true),
                Event::Open(tag) => return Err(unexpected(&tag, "where a row should be")),
                Event::Close | Event::End => break,
            }
        }
        self.is_over = true;
        match end(&mut self.xml)? {
            None => Ok(false),
            Some(tag) => Err(unexpected(&tag, "behind the table")),
        }
    }

    /// The values up to the end of the row. What is not there is NULL.
    fn values(&mut self, row: &mut [Value]) -> Result<(), Failure> {
        row.fill(Value::Null);
        let mut room = Room::default();
        loop {
            match self.xml.next()? {
                Event::Text(text) => check_blank(&text)?,
                Event::Open(tag) => {
                    let Some(slot) = self.columns.get(&tag.name).and_then(|at| row.get_mut(*at)) else {
                        return Err(unexpected(&tag, "in a row, which the schema does not have"));
                    };
                    let value = value(&mut self.xml, &mut room)
                        .map_err(|failure| failure.column(xml::decode_name(&tag.name)))?;
                    if *slot != Value::Null {
                        return Err(unexpected(&tag, "twice in a row"));
                    }
                    *slot = value;
                }
                Event::Close | Event::End => return Ok(()),
            }
        }
    }
}

impl<B: BufRead> Rows for Portal<B> {
    fn next(&mut self, row: &mut [Value]) -> Result<bool, Failure> {
        let more = self.next_row(row).map_err(|failure| failure.row(self.rows + 1))?;
        self.rows += u64::from(more);
        Ok(more)
    }
}

/// A column's text, piece by piece, up to the end of its element.
fn value<B: BufRead>(xml: &mut Xml<B>, room: &mut Room) -> Result<Value, Failure> {
    let mut value = Vec::new();
    loop {
        match xml.next()? {
            Event::Text(text) => {
                value.extend_from_slice(text.as_bytes());
                room.take(text.len())?;
            }
            Event::Open(tag) => return Err(unexpected(&tag, "inside a value")),
            Event::Close | Event::End => return Ok(Value::Text(value)),
        }
    }
}

/// Reads to the end of the document; an element that is there nonetheless.
fn end<B: BufRead>(xml: &mut Xml<B>) -> Result<Option<Tag>, Failure> {
    loop {
        match xml.next()? {
            Event::Text(text) => check_blank(&text)?,
            Event::Open(tag) => return Ok(Some(tag)),
            Event::Close => {}
            Event::End => return Ok(None),
        }
    }
}

fn check_blank(text: &str) -> Result<(), Failure> {
    if text.trim().is_empty() {
        return Ok(());
    }
    Err(bad_xml(format!("The text `{}` stands where none should be", shown(text.as_bytes()))))
}

fn unexpected(tag: &Tag, place: &str) -> Failure {
    bad_xml(format!("The element `{}` stands {place}", shown(tag.name.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &str) -> String {
        format!(
            "<?xml version=\"1.0\" standalone=\"yes\"?>\r\n<NewDataSet>\r\n\
             <xs:schema id=\"NewDataSet\" xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"><xs:element name=\"NewDataSet\"><xs:complexType>\
             <xs:choice><xs:element name=\"t\"><xs:complexType><xs:sequence>\
             <xs:element name=\"id\" type=\"xs:int\"/><xs:element name=\"a_x0020_b\" type=\"xs:string\" minOccurs=\"0\"/>\
             </xs:sequence></xs:complexType></xs:element></xs:choice></xs:complexType></xs:element></xs:schema>\r\n{rows}"
        )
    }

    fn read(rows: &str) -> Result<Vec<Vec<Value>>, Failure> {
        let text = table(rows);
        let (mut portal, schema) = Portal::open(text.as_bytes())?;
        let (mut row, mut all) = (vec![Value::Null; schema.columns.len()], Vec::new());
        while portal.next(&mut row)? {
            all.push(row.clone());
        }
        assert!(!portal.next(&mut row)?);
        Ok(all)
    }

    #[test]
    fn rows_are_read_with_what_is_not_there_as_null() {
        let rows = read(
            "<t>\r\n <id>1</id><a_x0020_b>x &lt;&amp; <![CDATA[<y>]]>&#xD;\n</a_x0020_b></t>\n<t><a_x0020_b /></t><t/>\n</NewDataSet>\r\n",
        )
        .unwrap();
        let text = |text: &str| Value::Text(text.into());
        assert_eq!(rows, [[text("1"), text("x <& <y>\r\n")], [Value::Null, text("")], [Value::Null, Value::Null]]);
        assert!(read("</NewDataSet>").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_table_is_an_error_with_its_row() {
        for (rows, code, row) in [
            ("<t><id>1</id></t><u/></NewDataSet>", "docspace.bad_xml", 2),
            ("<t><other>1</other></t></NewDataSet>", "docspace.bad_xml", 1),
            ("<t><id>1</id><id>2</id></t></NewDataSet>", "docspace.bad_xml", 1),
            ("<t><id><b/></id></t></NewDataSet>", "docspace.bad_xml", 1),
            ("<t>text</t></NewDataSet>", "docspace.bad_xml", 1),
            ("<t/>text</NewDataSet>", "docspace.bad_xml", 2),
            ("<t/></NewDataSet><t/>", "docspace.bad_xml", 2),
            ("<t/></NewDataSet>more", "docspace.bad_xml", 2),
            ("<t/><t><id>1", "docspace.cut", 2),
            ("<t/>", "docspace.cut", 2),
            ("<t><id>&lol;</id></t></NewDataSet>", "docspace.bad_xml", 1),
        ] {
            let failure = read(rows).unwrap_err();
            assert_eq!((failure.code.as_str(), failure.row), (code, Some(row)), "{rows}: {failure:?}");
        }
        let many = "<id>&#65;".to_owned()
            + &"y".repeat(xml::PIECE - 1)
            + "<![CDATA["
            + &"y".repeat(xml::PIECE - 20)
            + "]]></id>";
        assert_eq!(read(&format!("<t>{many}</t></NewDataSet>")).unwrap_err().code, "docspace.too_large");
    }
}
