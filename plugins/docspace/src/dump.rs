//! Tables of a whole server's dump: what MySQL's `SHOW CREATE TABLE` gives, and rows as `REPLACE INTO` statements.

mod create;
mod insert;
mod kind;
mod token;

pub(crate) use create::Created;
pub(crate) use insert::Dump;
