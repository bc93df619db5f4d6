//! Writes small archives, of any version, to be read and to be damaged.

/// An archive's numbers and header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) version: (u8, u8),
    pub(super) custom: bool,
}

/// What an entry says; what is not named is empty.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Line<'a> {
    pub(super) id: i32,
    pub(super) desc: &'a str,
    pub(super) schema: Option<&'a str>,
    pub(super) tag: &'a [u8],
    pub(super) section: i32,
    pub(super) definition: &'a [u8],
    pub(super) copy: &'a str,
    pub(super) depends: &'a [i32],
    /// Rows: blocks of the custom file.
    pub(super) rows: Option<&'a [&'a [u8]]>,
    pub(super) large: &'a [(u32, &'a [u8])],
    pub(super) file: &'a str,
}

pub(super) fn int(value: i64) -> Vec<u8> {
    let mut bytes = vec![u8::from(value < 0)];
    bytes.extend((value.unsigned_abs() as u32).to_le_bytes());
    bytes
}

pub(super) fn text(text: Option<&[u8]>) -> Vec<u8> {
    let Some(text) = text else { return int(-1) };
    [int(text.len() as i64), text.to_vec()].concat()
}

fn header(form: Form) -> Vec<u8> {
    let (major, minor) = form.version;
    let mut out = b"PGDMP".to_vec();
    out.extend([major, minor, 0, 4, 8, if form.custom { 1 } else { 3 }]);
    out.extend(if form.version < (1, 15) { int(0) } else { vec![0] });
    for part in [1, 2, 3, 4, 5, 124, 0] {
        out.extend(int(part));
    }
    for name in [&b"shop"[..], b"15.2", b"15.2"] {
        out.extend(text(Some(name)));
    }
    out
}

fn entry(form: Form, line: &Line<'_>) -> Vec<u8> {
    let has_data = line.rows.is_some() || !line.large.is_empty() || !line.file.is_empty();
    let mut out = [int(line.id.into()), int(has_data.into()), text(Some(b"0")), text(Some(b"0"))].concat();
    out.extend(text(Some(line.tag)));
    out.extend(text(Some(line.desc.as_bytes())));
    out.extend(int(line.section.into()));
    out.extend(text(Some(line.definition)));
    out.extend(text(None));
    out.extend(text(Some(line.copy.as_bytes())));
    out.extend(text(line.schema.map(str::as_bytes)));
    out.extend(text(None));
    if form.version >= (1, 14) {
        out.extend(text(None));
    }
    if form.version >= (1, 16) {
        out.extend(int(0));
    }
    out.extend(text(Some(b"me")));
    out.extend(text(Some(b"false")));
    for depends in line.depends {
        out.extend(text(Some(depends.to_string().as_bytes())));
    }
    out.extend(text(None));
    if form.custom {
        out.push(if has_data { 1 } else { 3 });
        out.extend([0; 8]);
    } else {
        out.extend(text(Some(line.file.as_bytes())));
    }
    out
}

fn blocks(blocks: &[&[u8]]) -> Vec<u8> {
    let mut out: Vec<u8> = blocks.iter().flat_map(|block| text(Some(block))).collect();
    out.extend(int(0));
    out
}

/// The whole file: a custom one with its data and no offsets, or a table of contents.
pub(super) fn archive(form: Form, lines: &[Line<'_>]) -> Vec<u8> {
    let mut out = header(form);
    out.extend(int(lines.len() as i64));
    lines.iter().for_each(|line| out.extend(entry(form, line)));
    if !form.custom {
        return out;
    }
    for line in lines {
        if let Some(rows) = line.rows {
            out.push(1);
            out.extend(int(line.id.into()));
            out.extend(blocks(rows));
        } else if !line.large.is_empty() {
            out.push(3);
            out.extend(int(line.id.into()));
            for (oid, bytes) in line.large {
                out.extend(int(i64::from(oid.cast_signed())));
                out.extend(blocks(if bytes.is_empty() { &[] } else { std::slice::from_ref(bytes) }));
            }
            out.extend(int(0));
        }
    }
    out
}
