//! Search over everything that is synced, without the network. A text is cut into units
//! (`units`), which are indexed in the cache in the transaction that stores the message; a query is
//! cut in the same way (`query`), and a result shows the place where it was found (`snippet`).

mod found;
mod query;
mod snippet;
mod units;

pub use found::{Coverage, FoundMessage, Piece, SearchResults};
pub(crate) use query::{Query, tokens};
pub(crate) use snippet::snippet;
pub(crate) use units::units;
