//! Requests as this store makes them: one write, one row, all rows, and many writes at once.

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, TryStreamExt, stream};
use scylla::deserialize::row::DeserializeRow;
use scylla::serialize::row::SerializeRow;
use scylla::statement::prepared::PreparedStatement;

use super::{AT_ONCE, Scylla};
use crate::{Result, StorageError};

/// A write that is not made yet.
pub(super) type Write<'s> = BoxFuture<'s, Result<()>>;

/// The request failed; whether a write was made is not known.
pub(super) fn unavailable(error: impl std::fmt::Display) -> StorageError {
    StorageError::Unavailable(error.to_string())
}

/// A row that needs nothing of the answer it came in.
pub(super) trait Row:
    for<'frame, 'metadata> DeserializeRow<'frame, 'metadata> + Send
{
}
impl<R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata> + Send> Row for R {}

/// Do these reads, a bounded number at once; their answers in the order in which they were asked.
pub(super) async fn in_order<T>(reads: Vec<BoxFuture<'_, Result<T>>>) -> Result<Vec<T>> {
    stream::iter(reads).buffered(AT_ONCE).try_collect().await
}

impl Scylla {
    /// A write, to be made with others of its step.
    pub(super) fn write<'s>(
        &'s self,
        statement: &'s PreparedStatement,
        values: impl SerializeRow + Send + Sync + 's,
    ) -> Write<'s> {
        Box::pin(async move {
            self.session.execute_unpaged(statement, values).await.map_err(unavailable)?;
            Ok(())
        })
    }

    /// Make these writes, a bounded number at once. All are acknowledged when it returns.
    pub(super) async fn step(&self, writes: Vec<Write<'_>>) -> Result<()> {
        stream::iter(writes).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// The only row of the answer.
    pub(super) async fn one<R: Row>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Option<R>> {
        let answer = self.session.execute_unpaged(statement, values).await.map_err(unavailable)?;
        let rows = answer.into_rows_result().map_err(unavailable)?;
        rows.maybe_first_row().map_err(unavailable)
    }

    /// The rows of an answer that the statement itself keeps short, read without pages.
    pub(super) async fn few<R: Row>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Vec<R>> {
        let answer = self.session.execute_unpaged(statement, values).await.map_err(unavailable)?;
        let rows = answer.into_rows_result().map_err(unavailable)?;
        rows.rows().map_err(unavailable)?.map(|row| row.map_err(unavailable)).collect()
    }

    /// Every row of the answer, read page by page, as long as `wanted` says so.
    pub(super) async fn each<R: Row + 'static>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
        mut wanted: impl FnMut(R) -> Result<bool>,
    ) -> Result<()> {
        let pages = self.session.execute_iter(statement.clone(), values).await;
        let mut rows = pages.map_err(unavailable)?.rows_stream::<R>().map_err(unavailable)?;
        while let Some(row) = rows.next().await {
            if !wanted(row.map_err(unavailable)?)? {
                break;
            }
        }
        Ok(())
    }
}
