//! Where a store without commit numbers hands its changes.

use async_trait::async_trait;

use crate::{Change, Result};

/// Takes what people have to hear of. A store that has no commits of its own (the embedded one has: see
/// [`crate::Committed`]) calls it once the rows are stored, and before it answers who asked.
#[async_trait]
pub trait Tell: Send + Sync {
    /// Have these changes told, in this order. They are on their way for good when it returns.
    ///
    /// # Errors
    /// When that is not sure: whoever asked for the writes is then not answered, and asks again.
    async fn tell(&self, changes: Vec<Change>) -> Result<()>;
}
