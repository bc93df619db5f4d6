//! The codec against what the real client sent, against another implementation of Avro, and against hostile bytes.
