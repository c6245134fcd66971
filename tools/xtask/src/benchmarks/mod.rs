//! What all benchmarks share: the machine, the page that their numbers stand on, and how numbers are
//! written.

pub(crate) mod machine;
pub(crate) mod page;
