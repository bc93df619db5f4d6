//! What the layout writes down of an object and the handler reads: the attributes, as JSON.
//!
//! Text in them is UTF-8 whatever the dump's encoding; only payloads are still in [`Attributes::encoding`].

use reinstate_plugin::ObjectName;
use serde::{Deserialize, Serialize};

/// Form of a payload that is COPY text, ended by a line `\.` and what follows it.
pub const COPY_TEXT: &str = "postgres-copy-text";
/// Form of a payload that is SQL statements (`INSERT …`).
pub const STATEMENTS: &str = "sql";
/// Form of a payload that is bytes: a large object.
pub const BYTES: &str = "bytes";

/// What a dump says of an object.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Attributes {
    /// The entry's kind in the dump's own words: `TABLE`, `FK CONSTRAINT`. `TABLE DATA` and `BLOBS` when the dump has
    /// the data alone.
    pub desc: String,
    /// The entry's number in the dump.
    pub dump_id: i64,
    /// The entry's tag: the object's name as the dump lists it, without its schema. What an object hangs on is part of it:
    /// `table name` for a constraint, `TABLE t` for a comment.
    pub tag: String,
    /// Who owns it; absent where nobody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Where it is stored; absent for the database's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tablespace: Option<String>,
    /// A table's access method: `heap`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_method: Option<String>,
    /// `pg_class.relkind` of a relation (from 1.16 on); a partitioned table, `p`, must be created with its access method set
    /// by ALTER TABLE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relkind: Option<char>,
    /// Statements that make it; empty when the dump has data only. Of `BLOB METADATA` the object identifiers, one a line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub definition: String,
    /// Statements that drop it; empty where none are needed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub drop: String,
    /// The statement that takes the payload: `COPY s.t (a, b) FROM stdin;` and a line end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy: Option<String>,
    /// Of `table_rows`, whose payloads come from several tables: the statement that takes payload `i`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<String>,
    /// Rows are put in through the root of a partitioned table, whose name this object of kind `table_rows` has; each payload
    /// holds those of one partition, so nothing must be truncated.
    #[serde(skip_serializing_if = "is_false")]
    pub via_root: bool,
    /// What it hangs on: the table of an index, a constraint, a default, a trigger, a policy, a rule, statistics, the
    /// sequence of its value; the object of a comment, of privileges, of a security label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<ObjectName>,
    /// The dump's encoding, PostgreSQL's word: `UTF8`. Payloads are in it.
    pub encoding: String,
    /// Whether a backslash in a plain string constant is a backslash.
    pub std_strings: bool,
    /// The search path under which the statements were written; empty: nothing but `pg_catalog`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_path: Option<String>,
    /// Of a table: the definitions of what hangs on it (indexes, constraints, defaults), in the dump's order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts_of_it: Vec<String>,
    /// Of a table: the partitioned tables that its foreign keys refer to, whose rows are their partitions'.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refers_to_partitioned: Vec<ObjectName>,
    /// Payloads are statements and not COPY text.
    #[serde(skip_serializing_if = "is_false")]
    pub row_statements: bool,
    /// The large objects of this entry. Those with data come first: payload `i` is the data of number `i`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub large_objects: Vec<LargeObject>,
}

/// One large object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LargeObject {
    /// Its object identifier.
    pub oid: u32,
}

/// What a script of `pg_dumpall --globals-only` says of a role: the attributes of the kinds `user` and `role`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoleAttributes {
    /// May sign in.
    #[serde(skip_serializing_if = "is_false")]
    pub login: bool,
    /// May do everything.
    #[serde(skip_serializing_if = "is_false")]
    pub superuser: bool,
    /// May create roles.
    #[serde(skip_serializing_if = "is_false")]
    pub create_role: bool,
    /// May create databases.
    #[serde(skip_serializing_if = "is_false")]
    pub create_db: bool,
    /// Has the privileges of the roles that it is a member of.
    #[serde(skip_serializing_if = "is_false")]
    pub inherit: bool,
    /// May start replication.
    #[serde(skip_serializing_if = "is_false")]
    pub replication: bool,
    /// Is not held by row security.
    #[serde(skip_serializing_if = "is_false")]
    pub bypass_rls: bool,
    /// How many connections it may have at once; absent: as many as it likes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_limit: Option<i64>,
    /// The password's hash, as it stands in the script: `SCRAM-SHA-256$…`, `md5…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    /// When the password ends, as PostgreSQL writes it: `2099-12-31 00:00:00+00`, `infinity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,
    /// What `ALTER ROLE … SET` says, in the script's order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<Setting>,
    /// The roles that it is a member of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub member_of: Vec<Membership>,
    /// What `COMMENT ON ROLE` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A role's setting: the database in which it holds (in all when absent), the setting's name, and its value as the script writes
/// it behind `TO`, quotes included: `'5min'`, `'a', 'b'`.
pub type Setting = (Option<String>, String, String);

/// That a role is a member of another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Membership {
    /// The role that it is a member of.
    pub role: String,
    /// May grant it on.
    #[serde(skip_serializing_if = "is_false")]
    pub admin: bool,
    /// Whether it has that role's privileges without asking (from 16 on); absent: as the member's `inherit` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inherit: Option<bool>,
    /// Whether it may become that role (from 16 on); absent: yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<bool>,
    /// Who granted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted_by: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(value: &bool) -> bool {
    !value
}
