//! Measures the decoder of the sandbox as native code: what is left of its speed inside is what the sandbox costs.
//!
//! `cargo run --release -p reinstate-tables --example decode_csv [FILE]` reads a CSV file whose columns it takes as text, or
//! makes up a table of mixed types.

use std::hint::black_box;
use std::time::Instant;

use reinstate_plugin::rows::{Field, Presence, decode_csv};
use reinstate_plugin::tables::ValueType;

fn main() {
    let (fields, text) = match std::env::args_os().nth(1) {
        Some(path) => from_file(std::fs::read(path).expect("The file can be read")),
        None => made_up(2_000_000),
    };
    let mut best = f64::INFINITY;
    let mut rows = 0;
    for _ in 0..5 {
        let started = Instant::now();
        rows = decode(&fields, &text);
        best = best.min(started.elapsed().as_secs_f64());
    }
    let megabytes = text.len() as f64 / 1e6;
    #[expect(clippy::print_stdout, reason = "Printing is what this program is for")]
    {
        println!(
            "{rows} rows, {megabytes:.0} MB: {:.0} MB/s, {:.2} M rows/s",
            megabytes / best,
            rows as f64 / best / 1e6
        );
    }
}

fn decode(fields: &[Field], text: &[u8]) -> u64 {
    let mut rest = text;
    let read = |max: u32| {
        let (chunk, after) = rest.split_at(rest.len().min(max as usize));
        rest = after;
        Ok(chunk.to_vec())
    };
    let append = |batch: &[u8], _| {
        black_box(batch);
        Ok(())
    };
    decode_csv(fields, read, append).expect("The table can be decoded").rows
}

fn from_file(text: Vec<u8>) -> (Vec<Field>, Vec<u8>) {
    let names = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let names = String::from_utf8_lossy(names).trim_end().to_owned();
    (names.split(',').map(|name| field(name.trim_matches('"'), ValueType::Text)).collect(), text)
}

fn made_up(rows: u32) -> (Vec<Field>, Vec<u8>) {
    let fields = vec![
        field("id", ValueType::Integer),
        field("customer", ValueType::Integer),
        field("amount", ValueType::Real),
        field("name", ValueType::Text),
        field("comment", ValueType::Text),
        field("at", ValueType::Text),
    ];
    let mut text = String::from("id,customer,amount,name,comment,at\n");
    for row in 0..rows {
        let comment = if row % 5 == 0 { "" } else { "\"said \"\"hello\"\", twice\"" };
        text += &format!(
            "{row},{},{}.{:02},Name {},{comment},2024-05-{:02} 12:34:{:02}\n",
            row.wrapping_mul(2_654_435_761) % 100_000,
            row % 1000,
            row % 100,
            row % 5000,
            row % 28 + 1,
            row % 60
        );
    }
    (fields, text.into_bytes())
}

fn field(name: &str, values: ValueType) -> Field {
    Field { name: name.to_owned(), values, declared: String::new(), presence: Presence::Required }
}
