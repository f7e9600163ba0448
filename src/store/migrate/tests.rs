//! Tests of migrations.
