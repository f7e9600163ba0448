//! Tests of opening a file.
