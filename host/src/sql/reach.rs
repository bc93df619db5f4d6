//! What statements would reach outside the stage that they are meant for.

/// One thing that a statement reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Stable and dotted: `sql.server_file`.
    pub(crate) code: &'static str,
    /// Starts with a capital, no final full stop.
    pub(crate) message: String,
}

/// Everything that these statements would reach.
pub(crate) fn examine(statements: &str) -> Vec<Reach> {
    let is_system = statements.trim_start().to_ascii_uppercase().starts_with("ALTER SYSTEM");
    let reach = Reach { code: "sql.alter_system", message: "It changes the server's settings".to_owned() };
    if is_system { vec![reach] } else { Vec::new() }
}
