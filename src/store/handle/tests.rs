//! Tests of the handle.
