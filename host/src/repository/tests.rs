//! Crash points and random chains.
