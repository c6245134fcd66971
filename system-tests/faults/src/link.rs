//! A line between two processes that can be cut: what comes in at one address goes out to another, as
//! long as it is open.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Everything passes.
    Open,
    /// Nothing passes and nobody is told, as when a cable is out.
    Silent,
    /// Every connection ends, and no new one is taken, as when a firewall refuses.
    Refused,
}

/// A line. It ends when this is dropped.
pub struct Link {
    state: watch::Sender<State>,
    task: tokio::task::JoinHandle<()>,
}

impl Link {
    /// Take connections at an address, and hand them on to the other.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn open(at: SocketAddr, to: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(at).await.with_context(|| format!("a line at {at}"))?;
        let (state, watched) = watch::channel(State::Open);
        let task = tokio::spawn(async move {
            loop {
                let Ok((near, _)) = listener.accept().await else { continue };
                if *watched.borrow() != State::Refused {
                    tokio::spawn(carry(near, to, watched.clone()));
                }
            }
        });
        Ok(Self { state, task })
    }

    /// Cut it, or heal it.
    pub fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(near: TcpStream, to: SocketAddr, mut state: watch::Receiver<State>) {
    if passes(&mut state).await.is_none() {
        return;
    }
    let Ok(far) = TcpStream::connect(to).await else { return };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
    tokio::select! {
        () = pump(from_near, to_far, state.clone()) => {}
        () = pump(from_far, to_near, state.clone()) => {}
        () = refused(state) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(count) = from.read(&mut bytes).await {
        if count == 0 || passes(&mut state).await.is_none() {
            return;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

/// Wait until something may pass; nothing when that ends.
async fn passes(state: &mut watch::Receiver<State>) -> Option<()> {
    let open = state.wait_for(|state| *state != State::Silent).await.ok()?;
    (*open == State::Open).then_some(())
}

async fn refused(mut state: watch::Receiver<State>) {
    let _ = state.wait_for(|state| *state == State::Refused).await;
}
