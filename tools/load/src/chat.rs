//! People who talk at a given rate, and how long each message took. Every message has a moment at
//! which it was meant to be sent, whatever the server does; latency counts from there, so a server
//! that makes its clients wait does not look faster for it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use protocol::frame::Mark;
use protocol::{ClientFrame, ConversationId, UserId, wire};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::Bench;
use crate::accounts::Account;
use crate::clock::{self, Clock, Micros};
use crate::latency::{Latencies, Percentiles};
use crate::process::Process;
use crate::session::Session;
use crate::spin::Spin;
use crate::text::{self, Seen, Template};

/// Bytes that a session reads at once.
const BUFFER: usize = 16 * 1024;
/// Sessions that are opened at once.
const OPENING: usize = 64;
/// Before this time of a step nothing is counted.
const WARM: Duration = Duration::from_millis(1_500);
/// How long after the last message of a step one may still come.
const PATIENCE: Duration = Duration::from_secs(5);
/// A delivered marker is sent at most this often: four times a second.
const MARK_EVERY: Micros = 250_000;

/// A person's place in a conversation.
pub(crate) struct Seat {
    /// Who.
    pub(crate) account: Account,
    /// Where.
    pub(crate) conversation: ConversationId,
    /// With whom, when there are two.
    pub(crate) peer: Option<UserId>,
}

/// Open sessions that talk when they are told to. They take turns in the order of their seats.
pub(crate) struct Chat {
    clock: Clock,
    seats: usize,
    /// How many others hear of a message.
    others: usize,
    plan: watch::Sender<Plan>,
    tally: Rc<RefCell<Tally>>,
    server: Process,
    spin: Spin,
}

/// When to talk.
#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    /// The first message of all.
    begin: Micros,
    /// From one message to the next, whoever sends it.
    every: f64,
    /// Messages from here on count.
    counted: Micros,
    /// No message from here on.
    end: Micros,
}

/// What has been seen of the messages that count.
#[derive(Default)]
struct Tally {
    sent: usize,
    acks: Latencies,
    deliveries: Latencies,
    marks: usize,
    resyncs: usize,
    failed: Option<anyhow::Error>,
}

/// What a rate came to.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    /// Messages a second.
    pub(crate) rate: f64,
    /// Whether everything came and 99 of 100 in time.
    pub(crate) held: bool,
    /// Messages that count.
    pub(crate) sent: usize,
    /// Of their acknowledgements and deliveries, those that never came.
    pub(crate) missing: usize,
    /// From the intended sending to one's own event.
    pub(crate) acknowledgement: Percentiles,
    /// From the intended sending to the event at somebody else.
    pub(crate) delivery: Percentiles,
    /// Events a second that came to others than the sender.
    pub(crate) deliveries_per_second: f64,
    /// Markers a second.
    pub(crate) marks_per_second: f64,
    /// Sessions that fell behind so far that their queue was dropped.
    pub(crate) resyncs: usize,
    /// CPU time of the server, in microseconds for each message.
    pub(crate) server_cpu_micros: f64,
    /// The server's share of its core.
    pub(crate) server_busy: f64,
    /// The load generator's share of its own: near 1 it is what limits.
    pub(crate) load_busy: f64,
}

impl Chat {
    /// Open a session for each seat. `others` is how many people beside the sender hear of a
    /// message; with `marks` each confirms what it gets.
    pub(crate) async fn open(
        bench: &Bench,
        seats: Vec<Seat>,
        others: usize,
        marks: bool,
    ) -> Result<Self> {
        let clock = Clock::start();
        let (plan, plans) = watch::channel(Plan::default());
        let tally: Rc<RefCell<Tally>> = Rc::default();
        let count = seats.len();
        let opened = stream::iter(seats.into_iter().enumerate()).map(async |(place, seat)| {
            let mut session = Session::connect(bench.address, &seat.account, BUFFER).await?;
            session.hello(None).await?;
            anyhow::Ok((place, seat, session))
        });
        let opened: Vec<_> = opened.buffer_unordered(OPENING).try_collect().await?;
        for (place, seat, session) in opened {
            let template = Template::new(seat.conversation, seat.peer, &text::body());
            let person = Person {
                clock,
                place,
                seats: count,
                own: seat.account.user.to_string(),
                conversation: seat.conversation,
                template,
                session,
                plan: plans.clone(),
                tally: tally.clone(),
                marks,
                mark: Marking::default(),
            };
            let tally = tally.clone();
            tokio::task::spawn_local(async move {
                if let Err(error) = person.run().await {
                    tally.borrow_mut().failed = Some(error);
                }
            });
        }
        let (server, spin) = (bench.server.clone(), Spin::begin().await);
        Ok(Self { clock, seats: count, others, plan, tally, server, spin })
    }

    /// Everybody says one thing, gently, so that no conversation is new afterwards.
    pub(crate) async fn begin(&self) -> Result<()> {
        let seconds = self.seats.div_ceil(1_000) as u64 + 2;
        let step = self.step(1_000.0, Duration::from_secs(seconds), Duration::MAX).await?;
        if step.missing > 0 {
            bail!("{} of the first messages never came", step.missing);
        }
        Ok(())
    }

    /// Talk at `rate` messages a second for a time, and see whether 99 of 100 come within `limit`.
    pub(crate) async fn step(&self, rate: f64, time: Duration, limit: Duration) -> Result<Step> {
        *self.tally.borrow_mut() = Tally::default();
        let begin = self.clock.now() + 10_000;
        let counted = begin + micros(WARM);
        let end = counted + micros(time);
        self.plan.send_replace(Plan { begin, every: 1e6 / rate, counted, end });
        sleep_until(self.clock.at(counted)).await;
        let (server, turns) = (self.server.cpu_seconds()?, self.spin.mark());
        let marks = self.tally.borrow().marks;
        sleep_until(self.clock.at(end)).await;
        let server = self.server.cpu_seconds()? - server;
        let load_busy = self.spin.busy(turns, time);
        let marks = self.tally.borrow().marks - marks;
        let patience = Instant::now() + PATIENCE;
        while self.missing()? > 0 && Instant::now() < patience {
            sleep(Duration::from_millis(20)).await;
        }
        let missing = self.missing()?;
        let tally = std::mem::take(&mut *self.tally.borrow_mut());
        let (seconds, deliveries) = (time.as_secs_f64(), tally.deliveries.count());
        let (acknowledgement, delivery) =
            (tally.acks.percentiles(), tally.deliveries.percentiles());
        let late = acknowledgement.p99.max(delivery.p99) > limit.as_secs_f64() * 1000.0;
        Ok(Step {
            rate,
            held: missing == 0 && tally.resyncs == 0 && !late,
            sent: tally.sent,
            missing,
            acknowledgement,
            delivery,
            deliveries_per_second: deliveries as f64 / seconds,
            marks_per_second: marks as f64 / seconds,
            resyncs: tally.resyncs,
            server_cpu_micros: server * 1e6 / (rate * seconds),
            server_busy: server / seconds,
            load_busy,
        })
    }

    fn missing(&self) -> Result<usize> {
        let mut tally = self.tally.borrow_mut();
        if let Some(error) = tally.failed.take() {
            return Err(error.context("a session ended"));
        }
        let wanted = tally.sent * (1 + self.others);
        Ok(wanted.saturating_sub(tally.acks.count() + tally.deliveries.count()))
    }
}

impl Step {
    /// One line for people.
    pub(crate) fn text(&self) -> String {
        format!(
            "{:>7.0}/s {}  ack {} | delivery {} | {:.0} deliveries/s, {:.0} marks/s | server {:.1} µs \
             a message, {:.0} % busy; load {:.0} % busy{}",
            self.rate,
            if self.held { "held  " } else { "failed" },
            self.acknowledgement.text(),
            self.delivery.text(),
            self.deliveries_per_second,
            self.marks_per_second,
            self.server_cpu_micros,
            self.server_busy * 100.0,
            self.load_busy * 100.0,
            if self.missing + self.resyncs == 0 {
                String::new()
            } else {
                format!("; {} missing, {} resyncs", self.missing, self.resyncs)
            },
        )
    }
}

/// One session and what it does.
struct Person {
    clock: Clock,
    place: usize,
    seats: usize,
    own: String,
    conversation: ConversationId,
    template: Template,
    session: Session,
    plan: watch::Receiver<Plan>,
    tally: Rc<RefCell<Tally>>,
    marks: bool,
    mark: Marking,
}

/// What is confirmed and what is to be.
#[derive(Default)]
struct Marking {
    /// The highest seq that came from somebody else.
    seen: u64,
    /// The last that was confirmed.
    sent: u64,
    /// When that was.
    at: Micros,
}

impl Person {
    async fn run(mut self) -> Result<()> {
        let mut plan = Plan::default();
        // How many messages of this plan this person has sent.
        let mut said = 0;
        let timer = sleep_until(Instant::now());
        tokio::pin!(timer);
        let mut armed = None;
        loop {
            tokio::select! {
                biased;
                text = self.session.next() => {
                    let mut text = Some(text?);
                    while let Some(frame) = text {
                        self.heed(&frame, &plan).await?;
                        text = self.session.ready()?;
                    }
                }
                () = &mut timer, if armed.is_some() => armed = None,
                changed = self.plan.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    (plan, said) = (*self.plan.borrow_and_update(), 0);
                }
            }
            let now = self.clock.now();
            let turn = loop {
                let turn = self.turn(&plan, said);
                match turn {
                    Some(turn) if turn <= now => {
                        said += 1;
                        self.say(turn, &plan).await?;
                    }
                    _ => break turn,
                }
            };
            let next = turn.into_iter().chain(self.confirm(now).await?).min();
            if let Some(next) = next
                && armed != Some(next)
            {
                timer.as_mut().reset(self.clock.at(next));
            }
            armed = next;
        }
    }

    /// When this person's next message is due.
    fn turn(&self, plan: &Plan, said: u64) -> Option<Micros> {
        let number = said * self.seats as u64 + self.place as u64;
        let turn = plan.begin + (number as f64 * plan.every) as Micros;
        (turn < plan.end).then_some(turn)
    }

    async fn say(&mut self, turn: Micros, plan: &Plan) -> Result<()> {
        self.tally.borrow_mut().sent += usize::from(turn >= plan.counted);
        let frame = self.template.with(self.clock.client_ref(self.place, turn));
        self.session.send(frame).await
    }

    async fn heed(&mut self, frame: &str, plan: &Plan) -> Result<()> {
        match text::see(frame) {
            Seen::Event(event) => {
                let meant = clock::moment(event.client_ref);
                let took = self.clock.now().saturating_sub(meant);
                let counts = (plan.counted..plan.end).contains(&meant);
                let mut tally = self.tally.borrow_mut();
                if event.sender == self.own {
                    if counts {
                        tally.acks.add(took);
                    }
                } else {
                    self.mark.seen = self.mark.seen.max(event.seq);
                    if counts {
                        tally.deliveries.add(took);
                    }
                }
            }
            Seen::Resync => {
                self.tally.borrow_mut().resyncs += 1;
                self.session.hello(None).await.context("after resync")?;
            }
            Seen::Other => bail!("the server says {frame}"),
            Seen::Marked | Seen::MarkStored | Seen::Page(_) | Seen::Cursor(_) => {}
        }
        Ok(())
    }

    /// Confirm what came, if it is time; else say when it will be.
    async fn confirm(&mut self, now: Micros) -> Result<Option<Micros>> {
        if !self.marks || self.mark.seen <= self.mark.sent {
            return Ok(None);
        }
        let due = self.mark.at + MARK_EVERY;
        if now < due {
            return Ok(Some(due));
        }
        (self.mark.at, self.mark.sent) = (now, self.mark.seen);
        self.tally.borrow_mut().marks += 1;
        let (conversation, delivered) = (self.conversation, self.mark.sent);
        let mark = Mark { conversation, delivered, read: 0 };
        self.session.send(wire::encode(&ClientFrame::Mark(mark))).await?;
        Ok(None)
    }
}

fn micros(time: Duration) -> Micros {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
