//! Where traces go.

use serde::{Deserialize, Serialize};

/// Traces for a collector of OpenTelemetry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Otlp {
    /// The collector that takes OTLP over HTTP, `http://host:4318`; empty for none. While there is one,
    /// each read marker costs one more read of the store.
    pub endpoint: String,
    /// Of how many commands the way is told: 0.01 is every hundredth, 1 is all.
    pub sampled: f64,
}

impl Default for Otlp {
    fn default() -> Self {
        Self { endpoint: String::new(), sampled: 0.01 }
    }
}

impl Otlp {
    /// What cannot be used, a sentence each.
    pub(super) fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let is_http =
            self.endpoint.starts_with("http://") && super::check::is_origin(&self.endpoint);
        if !self.endpoint.is_empty() && !is_http {
            complaints.push("otlp.endpoint must be http://host:port, or empty".into());
        }
        if !self.endpoint.is_empty() && !cfg!(feature = "otlp") {
            complaints.push("otlp.endpoint: this kithd was built without traces".into());
        }
        if !(0.0..=1.0).contains(&self.sampled) {
            complaints.push("otlp.sampled must be 0 to 1".into());
        }
        complaints
    }
}
