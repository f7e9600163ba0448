//! Tests of the database threads.
