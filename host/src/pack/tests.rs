//! Packs whole folders and reads the archives back.
