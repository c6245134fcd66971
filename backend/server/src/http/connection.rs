//! What a TCP connection costs and for how long: its place among the others, and a limit on writes
//! that make no progress. It stays with the connection when that becomes a WebSocket.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::http::address::counted;

/// How many connections there are, in all and from each address.
#[derive(Debug)]
pub(crate) struct Places {
    limit: usize,
    per_address: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

/// One connection's place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    address: Option<IpAddr>,
}

impl Places {
    pub(crate) fn new(limit: usize, per_address: usize) -> Arc<Self> {
        Arc::new(Self { limit, per_address, taken: Mutex::default() })
    }

    /// A place for a connection from this address; `None` for the address of a proxy, behind which
    /// there is everybody. Gives nothing when all places are taken.
    pub(crate) fn take(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Place> {
        let address = address.map(counted);
        let mut taken = self.taken.lock();
        if taken.all >= self.limit {
            return None;
        }
        if let Some(address) = address {
            let count = taken.by_address.entry(address).or_default();
            if *count >= self.per_address {
                return None;
            }
            *count += 1;
        }
        taken.all += 1;
        Some(Place { places: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.all -= 1;
        if let Some(address) = self.address
            && let Some(count) = taken.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&address);
            }
        }
    }
}

/// A connection that ends when a write makes no progress for a while. The timer exists only while a
/// write waits: an idle connection has none, and a busy one never resets one.
#[derive(Debug)]
pub(crate) struct Connection<T> {
    io: T,
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    _place: Place,
}

impl<T> Connection<T> {
    pub(crate) fn new(io: T, patience: Duration, place: Place) -> Self {
        Self { io, patience, stalled: None, _place: place }
    }

    /// `outcome`, or an error when writes have waited too long.
    fn watch<R>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Connection<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Connection<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(context, bytes);
        self.watch(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write_vectored(context, bytes);
        self.watch(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_flush(context);
        self.watch(context, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_shutdown(context);
        self.watch(context, outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// A connection whose other side has room for nothing more.
    async fn full() -> (Connection<tokio::io::DuplexStream>, tokio::io::DuplexStream) {
        let (near, far) = tokio::io::duplex(8);
        let place = Places::new(1, 1).take(None).unwrap();
        let mut connection = Connection::new(near, Duration::from_secs(10), place);
        connection.write_all(b"12345678").await.unwrap();
        (connection, far)
    }

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn row_25_an_address_and_all_together_have_only_so_many_places() {
        let places = Places::new(3, 2);
        let first = places.take(address(1)).unwrap();
        let _second = places.take(address(1)).unwrap();
        assert!(places.take(address(1)).is_none(), "the address is full");
        let _third = places.take(address(2)).unwrap();
        assert!(places.take(address(3)).is_none(), "the server is full");
        drop(first);
        assert!(places.take(address(1)).is_some());
    }

    #[test]
    fn connections_of_a_proxy_are_counted_only_in_all() {
        let places = Places::new(3, 1);
        let held: Vec<_> = (0..3).map(|_| places.take(None).unwrap()).collect();
        assert!(places.take(None).is_none());
        drop(held);
        assert!(places.taken.lock().by_address.is_empty());
        assert_eq!(places.taken.lock().all, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn row_26_a_write_that_makes_no_progress_ends_the_connection() {
        let (mut connection, _far) = full().await;
        let begun = tokio::time::Instant::now();
        let error = connection.write_all(b"9").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_that_makes_progress_is_waited_for_each_time_anew() {
        let (mut connection, mut far) = full().await;
        let mut byte = [0; 1];
        for _ in 0..3 {
            let (written, read) = tokio::join!(connection.write_all(b"x"), async {
                tokio::time::sleep(Duration::from_secs(9)).await;
                far.read_exact(&mut byte).await
            });
            written.unwrap();
            read.unwrap();
        }
    }
}
