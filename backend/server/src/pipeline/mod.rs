//! From accept to deliver.
