//! The Kinetica door: the real client against the real server, and requests that are delivered more than once.
