//! Tests of reading documents.
