//! Rows as `INSERT` statements: cut where statements end, counted, and run in batches.

use reinstate_plugin::{CHUNK, Counts, Failure};

/// Bytes of statements that are run together, unless one alone is longer.
const BATCH: usize = 256 * 1024;

/// The longest statement: it must fit into the sandbox's memory a few times.
const LONGEST: usize = 64 << 20;

/// Runs all statements. Fails with `pgdump.rows_cut` when the last one has no end.
pub(in crate::handler) fn run(
    mut read: impl FnMut(u32) -> Result<Vec<u8>, Failure>,
    mut execute: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<Counts, Failure> {
    let mut scan = Scan::default();
    let mut counts = Counts { rows: 0, bytes: 0 };
    let mut pending = Vec::new();
    loop {
        let chunk = read(CHUNK)?;
        counts.bytes += chunk.len() as u64;
        let ended = chunk.is_empty();
        pending.extend_from_slice(&chunk);
        scan.over(&pending);
        if scan.end >= BATCH || ended && scan.end > 0 {
            let text = std::str::from_utf8(&pending[..scan.end]).map_err(|_| {
                Failure::new("pgdump.bad_statement", "The statements are not UTF-8").row(counts.rows + 1)
            })?;
            execute(text)?;
            pending.drain(..scan.end);
            counts.rows += scan.forget();
        }
        if pending.len() > LONGEST {
            let message = format!("A statement is longer than {} MiB", LONGEST >> 20);
            return Err(Failure::new("pgdump.statement_too_large", message).row(counts.rows + 1));
        }
        if ended {
            return if pending.trim_ascii().is_empty() { Ok(counts) } else { Err(cut(counts.rows + 1)) };
        }
    }
}

fn cut(row: u64) -> Failure {
    Failure::new("pgdump.rows_cut", "The statements end in the middle of one: the backup is cut").row(row)
}

/// Where statements end, and how many rows they hold.
#[derive(Debug, Default)]
struct Scan {
    /// Bytes that were looked at.
    at: usize,
    /// Where the last whole statement ends.
    end: usize,
    /// The quote that is open.
    quote: Option<u8>,
    depth: usize,
    /// Letters of the keyword `VALUES` that were just seen, outside quotes and parentheses.
    seen: usize,
    /// Whether rows are what stands in parentheses now.
    in_values: bool,
    /// Rows of whole statements, and of the one that has not ended.
    rows: u64,
    open_rows: u64,
}

const VALUES: &[u8; 6] = b"VALUES";

impl Scan {
    fn over(&mut self, bytes: &[u8]) {
        while let Some(byte) = bytes.get(self.at) {
            self.at += 1;
            match (self.quote, byte) {
                // A doubled quote closes and opens again.
                (Some(open), byte) => self.quote = (open != *byte).then_some(open),
                (None, b'\'' | b'"') => self.quote = Some(*byte),
                (None, b'(') => {
                    self.open_rows += u64::from(self.in_values && self.depth == 0);
                    self.depth += 1;
                }
                (None, b')') => self.depth = self.depth.saturating_sub(1),
                (None, b';') => self.statement_end(),
                (None, byte) if self.depth == 0 => self.letter(*byte),
                _ => {}
            }
        }
    }

    fn letter(&mut self, byte: u8) {
        let next = VALUES.get(self.seen) == Some(&byte);
        self.seen = if next { self.seen + 1 } else { usize::from(byte == VALUES[0]) };
        if self.seen == VALUES.len() {
            self.in_values = true;
            self.seen = 0;
        }
    }

    fn statement_end(&mut self) {
        // `DEFAULT VALUES` is one row in no parentheses.
        self.rows += if self.in_values { self.open_rows.max(1) } else { 0 };
        (self.open_rows, self.in_values, self.seen, self.depth) = (0, false, 0, 0);
        self.end = self.at;
    }

    /// The rows of the statements that were run; what comes next begins at 0.
    fn forget(&mut self) -> u64 {
        self.at -= self.end;
        self.end = 0;
        std::mem::take(&mut self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(text: &[u8], size: usize) -> Result<(u64, String), Failure> {
        let mut chunks = text.chunks(size);
        let mut all = String::new();
        let counts = run(
            |_| Ok(chunks.next().unwrap_or_default().to_vec()),
            |statements| {
                all.push_str(statements);
                Ok(())
            },
        )?;
        assert_eq!(counts.bytes, text.len() as u64);
        Ok((counts.rows, all))
    }

    #[test]
    fn statements_are_counted_by_their_rows() {
        for (text, rows) in [
            ("INSERT INTO t.a VALUES (1, 'it''s; VALUES (');\nINSERT INTO t.a VALUES (2, 'b');\n\n\n", 2),
            ("INSERT INTO t.a VALUES\n\t(1, (2)),\n\t(3, 'x)');\n", 2),
            ("INSERT INTO t.\"VALUES (\" (a, \"b;\") OVERRIDING SYSTEM VALUE VALUES (1, 2);", 1),
            ("INSERT INTO t.empty DEFAULT VALUES;\nINSERT INTO t.empty DEFAULT VALUES;\n", 2),
            ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING;", 1),
            ("SELECT 1;", 0),
            ("", 0),
        ] {
            for size in [1, 3, 7, 1000] {
                let (found, all) = ran(text.as_bytes(), size).unwrap();
                assert_eq!(found, rows, "{text}");
                assert_eq!(all, text.trim_end(), "{text}");
            }
        }
    }

    #[test]
    fn large_entries_are_run_in_batches() {
        let text: String = (0..20_000).map(|row| format!("INSERT INTO t VALUES ({row}, 'value {row}');\n")).collect();
        let mut chunks = text.as_bytes().chunks(10_000);
        let mut batches = 0;
        let counts = run(
            |_| Ok(chunks.next().unwrap_or_default().to_vec()),
            |statements| {
                batches += 1;
                assert!(statements.len() < 2 * BATCH && statements.ends_with(';'));
                Ok(())
            },
        );
        assert_eq!((counts.unwrap().rows, batches > 2), (20_000, true));
    }

    #[test]
    fn what_has_no_end_is_refused() {
        for text in [&b"INSERT INTO t VALUES (1)"[..], b"INSERT INTO t VALUES ('a;", b"x"] {
            assert_eq!(ran(text, 4).unwrap_err().code, "pgdump.rows_cut");
        }
        assert_eq!(ran(b"INSERT INTO t VALUES ('\xff');", 4).unwrap_err().code, "pgdump.bad_statement");
    }
}
