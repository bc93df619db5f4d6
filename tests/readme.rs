//! The README stays true: its `sh` blocks run in order as they are written, and what they print is what the README shows.

mod support;

use std::path::Path;

use support::Sandbox;

/// A block of commands, and what the README says it prints.
struct Block {
    line: usize,
    commands: String,
    /// The `text` block that follows.
    shown: Option<String>,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = text.lines().enumerate();
    let mut prose = true;
    while let Some((number, line)) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            prose |= !line.is_empty();
            continue;
        };
        let body: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| !line.starts_with("```")).collect();
        let body = body.join("\n") + "\n";
        match (language, blocks.last_mut()) {
            ("sh", _) => blocks.push(Block { line: number + 1, commands: body, shown: None }),
            // Output stands right below its commands; other text blocks are pictures.
            ("text", Some(block)) if !prose => block.shown = Some(body),
            _ => {}
        }
        prose = false;
    }
    blocks
}

/// Without what differs from run to run: names of jobs, times, measured milliseconds.
fn stable(text: &str) -> String {
    let lines = text.trim_end().lines().map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let next = words.iter().copied().skip(1).chain([""]);
        words.iter().zip(next).map(|(word, next)| stands_for(word, next)).collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn stands_for(word: &str, next: &str) -> String {
    let core = word.trim_end_matches([',', ';', ':', ')']).trim_start_matches('(');
    let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if core.strip_prefix("r-").is_some_and(|name| name.len() == 12 && letters(name)) {
        return word.replace(core, "JOB");
    }
    // Times that the data bring along have no fraction.
    if core.len() > 20 && core.ends_with('Z') && core.as_bytes()[10] == b'T' && core.as_bytes()[19] == b'.' {
        return word.replace(core, "TIME");
    }
    if next == "ms" { "SOME".to_owned() } else { word.to_owned() }
}

#[test]
fn its_commands_print_what_it_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the checkout");
    let text = std::fs::read_to_string(root.join("README.md")).expect("README.md");
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("tests")).expect("created");
    std::os::unix::fs::symlink(root.join("tests/data"), sandbox.path("tests/data")).expect("linked");

    let blocks = blocks(&text);
    assert!(blocks.len() > 5 && blocks.iter().any(|block| block.shown.is_some()), "{} blocks", blocks.len());
    for block in blocks {
        // The program is built already, and this is one of the tests.
        let skipped = |line: &str| line.starts_with("tests/run") || line.starts_with("cargo build");
        let commands: Vec<String> = block
            .commands
            .lines()
            .filter(|line| !skipped(line))
            .map(|line| line.replace("cargo run --release --", "reinstate"))
            .collect();
        let outcome = sandbox.shell(&format!("exec 2>&1\n{}", commands.join("\n")));
        assert!(outcome.status.is_some(), "line {}: {outcome:#?}", block.line);
        assert!(!outcome.stdout.contains("not found"), "line {}: {outcome:#?}", block.line);
        if let Some(shown) = block.shown {
            let here = sandbox.path(".").canonicalize().expect("the sandbox");
            let printed = outcome.stdout.replace(here.to_str().expect("UTF-8"), "/home/ann/reinstate");
            assert_eq!(stable(&printed), stable(&shown), "line {}", block.line);
        }
    }
}
