//! Which node of a server to connect to. The address that somebody typed always works; where the
//! server names several nodes, one that is near and has room is better, and when a node goes away the
//! others are known.

use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use protocol::request::{Node, Nodes};
use tokio::time::{Instant, timeout};

use crate::connect::{Requests, complete_address};

/// How long what was learned is good for.
const GOOD_FOR: Duration = Duration::from_secs(600);
/// How long learning may hold a connection up.
const PATIENCE: Duration = Duration::from_secs(2);
/// More nodes than this are not measured.
const MOST: usize = 32;

/// A node that answered, and in what time.
#[derive(Clone, Debug)]
struct Near {
    node: Node,
    round_trip: Duration,
}

/// What is known of a server's nodes.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    /// Nearest and least loaded first.
    ranked: Vec<String>,
    learned: Option<Instant>,
    /// What a node that went away recommended.
    preferred: Vec<String>,
    /// The last one with which all was well.
    good: Option<String>,
    /// Those that failed since one did not.
    failed: Vec<String>,
}

impl Choice {
    /// The address to connect to now; `typed` when nothing better is known.
    pub(crate) fn next(&self, typed: &str) -> String {
        let known = self.preferred.iter().chain(&self.good).chain(&self.ranked);
        let mut usable = known.filter(|address| !self.failed.contains(address));
        usable.next().cloned().unwrap_or_else(|| typed.to_owned())
    }

    /// A connection to this address went well.
    pub(crate) fn went_well(&mut self, address: &str) {
        self.good = Some(address.to_owned());
        self.preferred.clear();
        self.failed.clear();
    }

    /// There was no connection to this address, or it ended before anything came. When the typed one
    /// has failed too, all are tried again.
    pub(crate) fn failed(&mut self, address: &str, typed: &str) {
        if address == typed {
            self.failed.clear();
            self.preferred.clear();
            self.good = None;
            self.learned = None;
        } else {
            self.failed.push(address.to_owned());
        }
    }

    /// The node at this address sends everybody away and recommends these.
    pub(crate) fn sent_away(&mut self, address: &str, prefer: Vec<String>, typed: &str) {
        self.good = None;
        self.failed = vec![address.to_owned()];
        self.preferred =
            prefer.into_iter().filter(|other| is_usable(other, typed)).take(MOST).collect();
        self.learned = None;
    }

    /// Ask the server for its nodes, unless that was done a short while ago. Without an answer what is
    /// known stays.
    pub(crate) async fn learn(&mut self, requests: &Requests) {
        if self.learned.is_some_and(|at| at.elapsed() < GOOD_FOR) {
            return;
        }
        if let Ok(ranked) = timeout(PATIENCE, ranked(requests)).await {
            self.ranked = ranked;
            self.learned = Some(Instant::now());
        }
    }
}

/// The nodes that answer, best first; none where there is only the one that was asked.
async fn ranked(requests: &Requests) -> Vec<String> {
    let asked = requests.ask::<Nodes>(Method::GET, "/v1/nodes", None, None::<&()>).await;
    let mut nodes = asked.map(|nodes| nodes.nodes).unwrap_or_default();
    nodes.retain(|node| is_usable(&node.address, requests.address()));
    if nodes.len() < 2 {
        return Vec::new();
    }
    nodes.truncate(MOST);
    let measured = nodes.into_iter().map(async |node| {
        let near = Requests::new(requests.connector().clone(), node.address.clone());
        let begun = Instant::now();
        let answer = near.ask::<Nodes>(Method::GET, "/v1/nodes", None, None::<&()>).await;
        answer.is_ok().then(|| Near { node, round_trip: begun.elapsed() })
    });
    rank(join_all(measured).await.into_iter().flatten().collect())
}

/// Nodes of the region of the nearest one first; among those by round trip times load, so that of two
/// equally near ones the emptier wins, and a full one comes last.
fn rank(mut nodes: Vec<Near>) -> Vec<String> {
    let nearest = nodes.iter().min_by_key(|near| near.round_trip);
    let Some(region) = nearest.map(|near| near.node.region.clone()) else { return Vec::new() };
    nodes.sort_by(|a, b| {
        let key = |near: &Near| {
            let Node { region: of, load, capacity, .. } = &near.node;
            // Below a millisecond the time says nothing about the distance.
            let micros = near.round_trip.as_micros().max(1_000);
            let cost = micros * (100 + u128::from(*load) * 100 / u128::from(*capacity).max(1));
            (*of != region, load >= capacity, cost, near.node.id.clone())
        };
        key(a).cmp(&key(b))
    });
    nodes.into_iter().map(|near| near.node.address).collect()
}

/// Whether frames may go to this address: one that is complete, and no less safe than the typed one.
fn is_usable(address: &str, typed: &str) -> bool {
    complete_address(address).is_ok_and(|complete| complete == address)
        && (address.starts_with("https:") || !typed.starts_with("https:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPED: &str = "https://chat.example";

    fn near(id: &str, region: &str, load: u64, millis: u64) -> Near {
        let (id, region) = (id.to_owned(), region.to_owned());
        let address = format!("https://{id}.example");
        let node = Node { id, address, region, load, capacity: 100 };
        Near { node, round_trip: Duration::from_millis(millis) }
    }

    fn ids(ranked: &[String]) -> Vec<&str> {
        ranked
            .iter()
            .map(|a| a.trim_start_matches("https://").trim_end_matches(".example"))
            .collect()
    }

    #[test]
    fn the_nearest_region_comes_first_then_round_trip_times_load() {
        let nodes = vec![
            near("far", "us", 0, 90),
            near("busy", "eu", 90, 20),
            near("calm", "eu", 10, 20),
            near("full", "eu", 100, 10),
            near("slow", "eu", 0, 60),
        ];
        assert_eq!(ids(&rank(nodes)), ["calm", "busy", "slow", "full", "far"]);
        assert_eq!(rank(Vec::new()), Vec::<String>::new());
    }

    #[test]
    fn what_went_well_is_kept_and_what_failed_is_left_until_all_have_failed() {
        let mut choice =
            Choice { ranked: vec!["https://a".into(), "https://b".into()], ..Choice::default() };
        assert_eq!(choice.next(TYPED), "https://a");
        choice.went_well("https://b");
        assert_eq!(choice.next(TYPED), "https://b", "the last good one");
        choice.failed("https://b", TYPED);
        assert_eq!(choice.next(TYPED), "https://a");
        choice.failed("https://a", TYPED);
        assert_eq!(choice.next(TYPED), TYPED);
        choice.failed(TYPED, TYPED);
        assert_eq!(choice.next(TYPED), "https://a", "from the beginning");
    }

    #[test]
    fn a_node_that_sends_away_is_not_tried_next_and_its_recommendation_is() {
        let mut choice =
            Choice { ranked: vec!["https://a".into(), "https://b".into()], ..Choice::default() };
        choice.went_well("https://a");
        let prefer = ["https://c", "http://unsafe", "https://e/path", "https://evil@x", "rubbish"];
        choice.sent_away("https://a", prefer.map(str::to_owned).to_vec(), TYPED);
        assert_eq!(
            choice.preferred,
            ["https://c"],
            "nothing less safe, nothing that is no address"
        );
        assert_eq!(choice.next(TYPED), "https://c");
        choice.failed("https://c", TYPED);
        assert_eq!(choice.next(TYPED), "https://b");
        choice.sent_away("https://b", Vec::new(), TYPED);
        assert_eq!(choice.next(TYPED), "https://a");
    }
}
