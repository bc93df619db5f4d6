//! XML, event by event and within limits: no document type, no entities but XML's own, nothing that is longer than memory allows.

use std::io::{self, BufRead};
use std::sync::Arc;

use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event as Raw};
use quick_xml::{Error, Reader, XmlVersion};
use reinstate_plugin::Failure;

use crate::fault::{self, bad_xml, cut, not_utf8, too_large};

mod name;

pub(crate) use name::decode as decode_name;

/// Bytes of one piece: a text between two tags.
pub(crate) const PIECE: usize = 16 << 20;
/// Bytes of one tag.
const TAG: usize = 64 << 10;
/// Elements inside each other; a schema that .NET writes has eleven.
const DEPTH: usize = 32;

/// What comes next.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    /// An element begins. One without content ends at once.
    Open(Tag),
    /// The innermost element ends.
    Close,
    /// A piece of text, perhaps not all of it.
    Text(String),
    /// The document is over.
    End,
}

/// The beginning of an element.
#[derive(Debug, PartialEq)]
pub(crate) struct Tag {
    /// The name as it is written, prefix included.
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    /// An attribute by its name without a prefix.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| local(known) == name).map(|(_, value)| value.as_str())
    }
}

/// A name without its prefix.
pub(crate) fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// A document that is being read.
pub(crate) struct Xml<B> {
    reader: Reader<Metered<B>>,
    buffer: Vec<u8>,
    depth: usize,
    is_begun: bool,
}

impl<B: BufRead> Xml<B> {
    pub(crate) fn new(source: B) -> Self {
        let mut reader = Reader::from_reader(Metered { source, left: 0 });
        reader.config_mut().expand_empty_elements = true;
        Self { reader, buffer: Vec::new(), depth: 0, is_begun: false }
    }

    /// Bytes that were read.
    pub(crate) fn position(&self) -> u64 {
        self.reader.buffer_position()
    }

    /// The next event. Fails with `docspace.bad_xml`, `docspace.cut`, `docspace.not_utf8`, `docspace.too_large`, or what the source says.
    pub(crate) fn next(&mut self) -> Result<Event, Failure> {
        loop {
            self.reader.get_mut().left = PIECE;
            self.buffer.clear();
            match self.reader.read_event_into(&mut self.buffer).map_err(broken)? {
                Raw::Start(tag) => {
                    (self.depth, self.is_begun) = (self.depth + 1, true);
                    if self.depth > DEPTH {
                        return Err(too_large(format!("More than {DEPTH} elements are inside each other")));
                    }
                    return Ok(Event::Open(opened(&tag)?));
                }
                Raw::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Event::Close);
                }
                Raw::Text(text) => return plain(text.xml10_content().ok()),
                Raw::CData(text) => return plain(text.xml10_content().ok()),
                Raw::GeneralRef(reference) => return resolved(&reference).map(Event::Text),
                Raw::Decl(declaration) => check_encoding(&declaration)?,
                Raw::DocType(_) => {
                    return Err(bad_xml(
                        "It has a document type, which tables of a backup have not and nobody should expand",
                    ));
                }
                Raw::Comment(_) | Raw::PI(_) => {}
                Raw::Empty(_) => return Err(bad_xml("An element neither begins nor ends")),
                Raw::Eof if self.depth > 0 || !self.is_begun => return Err(cut("its XML")),
                Raw::Eof => return Ok(Event::End),
            }
        }
    }
}

fn plain(text: Option<std::borrow::Cow<'_, str>>) -> Result<Event, Failure> {
    Ok(Event::Text(text.ok_or_else(|| not_utf8("A text"))?.into_owned()))
}

fn opened(tag: &BytesStart<'_>) -> Result<Tag, Failure> {
    if tag.len() > TAG {
        return Err(too_large(format!("A tag is longer than {} KiB", TAG >> 10)));
    }
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| not_utf8("A tag"));
    let name = text(tag.name().as_ref())?;
    let mut attributes = Vec::new();
    // Comparing each with all others would take the square of them.
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| bad_xml(format!("A tag is broken: {error}")))?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(|error| bad_xml(format!("An attribute is broken: {}", brief(&error))))?.into_owned();
        attributes.push((text(attribute.key.as_ref())?, value));
    }
    Ok(Tag { name, attributes })
}

/// A character by its number, or one of XML's own five entities.
fn resolved(reference: &BytesRef<'_>) -> Result<String, Failure> {
    let unknown = || bad_xml(format!("`&{};` stands for no character of XML's own", fault::shown(reference)));
    if let Some(letter) = reference.resolve_char_ref().map_err(|_| unknown())? {
        return Ok(letter.into());
    }
    let text = match &reference[..] {
        b"lt" => "<",
        b"gt" => ">",
        b"amp" => "&",
        b"apos" => "'",
        b"quot" => "\"",
        _ => return Err(unknown()),
    };
    Ok(text.to_owned())
}

fn check_encoding(declaration: &BytesDecl<'_>) -> Result<(), Failure> {
    match declaration.encoding() {
        Some(Ok(encoding)) if !encoding.eq_ignore_ascii_case(b"utf-8") => {
            Err(bad_xml(format!("It is in the encoding {}; the server writes UTF-8", fault::shown(&encoding))))
        }
        _ => Ok(()),
    }
}

fn broken(error: Error) -> Failure {
    match error {
        Error::Io(error) => match Arc::try_unwrap(error) {
            Ok(error) => fault::reading(error),
            Err(error) => Failure::new("docspace.unreadable", error.to_string()),
        },
        Error::Syntax(_) => cut("a tag"),
        other => bad_xml(format!("It is broken: {}", brief(&other))),
    }
}

fn brief(error: &Error) -> String {
    error.to_string().chars().take(200).collect()
}

/// Gives no more than it was told to.
struct Metered<B> {
    source: B,
    left: usize,
}

impl<B: BufRead> BufRead for Metered<B> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let available = self.source.fill_buf()?;
        if self.left == 0 && !available.is_empty() {
            return Err(io::Error::other(too_large(format!("A value or a tag is longer than {} MiB", PIECE >> 20))));
        }
        Ok(&available[..available.len().min(self.left)])
    }

    fn consume(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount);
        self.source.consume(amount);
    }
}

impl<B: BufRead> io::Read for Metered<B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let taken = available.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&available[..taken]);
        self.consume(taken);
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &[u8]) -> Result<Vec<Event>, Failure> {
        let mut xml = Xml::new(text);
        let mut events = Vec::new();
        loop {
            let event = xml.next()?;
            if event == Event::End {
                return Ok(events);
            }
            events.push(event);
        }
    }

    #[test]
    fn elements_texts_and_references_come_as_they_are() {
        let text = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<a x:b='1 &lt; 2'><!-- no --><b />ü\r\n&amp;&#xD;&#66;<![CDATA[<]]></a>\n";
        let events = events(text.as_bytes()).unwrap();
        let Event::Open(tag) = &events[1] else { panic!("{events:?}") };
        assert_eq!((tag.name.as_str(), tag.get("b"), tag.get("c")), ("a", Some("1 < 2"), None));
        assert!(matches!(&events[2..4], [Event::Open(_), Event::Close]), "{events:?}");
        let texts: String =
            events[4..9].iter().map(|event| if let Event::Text(text) = event { text.as_str() } else { "?" }).collect();
        assert_eq!(texts, "ü\n&\rB<");
        assert_eq!(events[9..], [Event::Close, Event::Text("\n".to_owned())]);
    }

    #[test]
    fn what_is_hostile_or_broken_is_refused() {
        let deep = "<a>".repeat(40);
        let wide = format!("<a {}/>", "b='c' ".repeat(20_000));
        let long = format!("<a>{}</a>", "x".repeat(PIECE + 1));
        for (text, code) in [
            ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "docspace.bad_xml"),
            ("<a>&lol9;</a>", "docspace.bad_xml"),
            ("<a>&#0;</a>", "docspace.bad_xml"),
            ("<a>&#xD800;</a>", "docspace.bad_xml"),
            ("<a b='&lol;'/>", "docspace.bad_xml"),
            ("<a b/>", "docspace.bad_xml"),
            ("<a></b>", "docspace.bad_xml"),
            ("<?xml version='1.0' encoding='utf-16'?><a/>", "docspace.bad_xml"),
            ("<a>1 & 2</a>", "docspace.bad_xml"),
            ("<a><b>", "docspace.cut"),
            ("<a><b", "docspace.cut"),
            ("", "docspace.cut"),
            (&deep, "docspace.too_large"),
            (&wide, "docspace.too_large"),
            (&long, "docspace.too_large"),
        ] {
            assert_eq!(events(text.as_bytes()).unwrap_err().code, code, "{}", &text[..text.len().min(80)]);
        }
        for bytes in [&b"<a>\xff</a>"[..], b"<a\xff/>", b"<a b='\xff'/>"] {
            assert!(["docspace.not_utf8", "docspace.bad_xml"].contains(&events(bytes).unwrap_err().code.as_str()));
        }
    }
}
