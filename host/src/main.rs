//! The `reinstate` binary: a call.

fn main() -> std::process::ExitCode {
    reinstate::cli::main()
}
