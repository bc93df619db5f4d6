//! Real plugins, good and bad, through the public calls.
