//! A cluster's parts.
