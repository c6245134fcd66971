//! Tests of the real app.
