//! The command line: arguments in, one library call, text or one JSON value out.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "This is the front end that prints")]

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use tokio::runtime::Builder;

mod args;
mod backups;
mod commands;
mod environment;
mod options;
mod output;
mod progress;
mod repositories;
mod restoring;
mod serving;

use args::Cli;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    crate::failpoint::arm();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return output::usage(&error),
    };
    match run(cli) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<u8> {
    let runtime = Builder::new_multi_thread().enable_all().build().context("The runtime cannot start")?;
    let status = runtime.block_on(commands::run(cli));
    // A thread that still waits on something slow (standard input, a lock) must not hold the answer back.
    runtime.shutdown_background();
    Ok(status)
}
