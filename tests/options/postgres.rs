//! What only PostgreSQL can show: rows that pass through, tables that give way with others, the role that is connected.
