//! Stages in databases of their own.
