//! The line between one device and the network, and what can happen to it: it is cut, it takes its
//! time, it loses requests or answers, it lets no WebSocket through.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use client::connect::{Connector, Lost, Socket, SocketError};
use futures_util::{SinkExt, StreamExt, sink, stream};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;

/// A device's line. Cheap to clone; all clones are one line.
#[derive(Clone)]
pub struct Line {
    inner: Arc<dyn Connector>,
    state: Arc<Mutex<State>>,
    weather: watch::Sender<Weather>,
}

struct State {
    random: StdRng,
    /// Requests that never arrive.
    lose_requests: u32,
    /// Requests whose answer never arrives.
    lose_answers: u32,
}

/// What those who wait on the line have to hear of.
#[derive(Clone, Copy)]
struct Weather {
    /// How often it was cut.
    cuts: u64,
    /// Nothing goes through.
    down: bool,
    /// No WebSocket goes through, as behind some proxies.
    no_sockets: bool,
    /// What the server sends over a WebSocket gets lost.
    mute: bool,
    /// What the server sends over a WebSocket is not taken off it.
    frozen: bool,
    /// The longest time that anything takes, one way, in milliseconds.
    latency: u64,
}

impl Line {
    /// A good line to `inner`. `seed` decides what chance decides.
    pub fn new(inner: Arc<dyn Connector>, seed: u64) -> Self {
        let weather = Weather {
            cuts: 0,
            down: false,
            no_sockets: false,
            mute: false,
            frozen: false,
            latency: 0,
        };
        let random = StdRng::seed_from_u64(seed);
        Self {
            inner,
            state: Arc::new(Mutex::new(State { random, lose_requests: 0, lose_answers: 0 })),
            weather: watch::Sender::new(weather),
        }
    }

    /// End everything that is on the line.
    pub fn cut(&self) {
        self.weather.send_modify(|weather| {
            weather.cuts += 1;
            weather.mute = false;
        });
    }

    /// Cut it, and let nothing through until it is up again.
    pub fn down(&self, down: bool) {
        self.weather.send_modify(|weather| {
            weather.cuts += u64::from(down);
            weather.down = down;
        });
    }

    /// Lose what the server sends over a WebSocket, until the line is cut.
    pub fn mute(&self) {
        self.weather.send_modify(|weather| weather.mute = true);
    }

    /// Take nothing off the WebSocket that the server sends.
    pub fn freeze(&self, frozen: bool) {
        self.weather.send_modify(|weather| weather.frozen = frozen);
    }

    /// Refuse WebSockets, as some proxies do.
    pub fn no_sockets(&self) {
        self.weather.send_modify(|weather| {
            weather.cuts += 1;
            weather.no_sockets = true;
        });
    }

    /// Let everything take up to this long.
    pub fn latency(&self, longest: Duration) {
        let millis = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        self.weather.send_modify(|weather| weather.latency = millis);
    }

    /// Lose the next requests, or the answers to the next requests.
    pub fn lose(&self, requests: u32, answers: u32) {
        let mut state = self.state.lock();
        state.lose_requests = requests;
        state.lose_answers = answers;
    }

    /// Everything as it should be.
    pub fn heal(&self) {
        self.lose(0, 0);
        self.weather.send_modify(|weather| {
            weather.cuts += u64::from(weather.mute);
            (weather.down, weather.mute, weather.frozen) = (false, false, false);
        });
    }

    async fn travel(&self) {
        let longest = self.weather.borrow().latency;
        if longest > 0 {
            let millis = self.state.lock().random.random_range(0..=longest);
            tokio::time::sleep(Duration::from_millis(millis)).await;
        }
    }

    fn lost(&self) -> Option<Lost> {
        self.weather.borrow().down.then(|| Lost("the line is down".into()))
    }
}

/// Take one from a counter, if there is one.
fn one_of(count: &mut u32) -> bool {
    let some = *count > 0;
    *count = count.saturating_sub(1);
    some
}

/// Wait until the line is cut.
async fn cut(mut weather: watch::Receiver<Weather>, cuts: u64) -> Lost {
    // Whoever could still cut it lives as long as somebody waits.
    let _ = weather.wait_for(|now| now.cuts != cuts).await;
    Lost("the line was cut".into())
}

#[async_trait::async_trait]
impl Connector for Line {
    async fn http(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Lost> {
        let cuts = self.weather.borrow().cuts;
        let exchange = async {
            self.travel().await;
            if let Some(lost) = self.lost() {
                return Err(lost);
            }
            if one_of(&mut self.state.lock().lose_requests) {
                return Err(Lost("the request got lost".into()));
            }
            let answer = self.inner.http(request).await?;
            if one_of(&mut self.state.lock().lose_answers) {
                return Err(Lost("the answer got lost".into()));
            }
            self.travel().await;
            Ok(answer)
        };
        tokio::select! {
            biased;
            answer = exchange => answer,
            lost = cut(self.weather.subscribe(), cuts) => Err(lost),
        }
    }

    async fn socket(&self, address: &str, access_token: &str) -> Result<Socket, SocketError> {
        let Weather { cuts, no_sockets, .. } = *self.weather.borrow();
        if no_sockets {
            return Err(SocketError::Refused(403));
        }
        let open = async {
            self.travel().await;
            match self.lost() {
                Some(lost) => Err(SocketError::Lost(lost)),
                None => self.inner.socket(address, access_token).await,
            }
        };
        let socket = tokio::select! {
            biased;
            socket = open => socket?,
            lost = cut(self.weather.subscribe(), cuts) => return Err(SocketError::Lost(lost)),
        };
        let weather = self.weather.subscribe();
        let sink = sink::unfold(socket.sink, move |mut to, frame: String| {
            let intact = weather.borrow().cuts == cuts;
            async move {
                if !intact {
                    return Err(Lost("the line was cut".into()));
                }
                to.send(frame).await?;
                Ok(to)
            }
        });
        let line = self.clone();
        let stream = stream::unfold(Some(socket.stream), move |from| {
            let line = line.clone();
            async move {
                let mut from = from?;
                tokio::select! {
                    biased;
                    lost = cut(line.weather.subscribe(), cuts) => Some((Err(lost), None)),
                    frame = line.next(&mut from) => Some((frame?, Some(from))),
                }
            }
        });
        Ok(Socket { sink: Box::pin(sink), stream: stream.boxed() })
    }
}

impl Line {
    /// The next frame that is not lost on the way.
    async fn next(&self, from: &mut client::connect::FrameStream) -> Option<Result<String, Lost>> {
        loop {
            let mut weather = self.weather.subscribe();
            let _ = weather.wait_for(|now| !now.frozen).await;
            let frame = from.next().await?;
            self.travel().await;
            if frame.is_err() || !self.weather.borrow().mute {
                return Some(frame);
            }
        }
    }
}
