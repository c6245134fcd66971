//! Which stages a node runs. In a cluster they may stand on nodes of their own; embedded one process is
//! all of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The stages that a node runs: all of them, or those that are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Roles {
    /// It holds sockets and answers HTTP.
    pub gateway: bool,
    /// It folds partitions of the conversation log.
    pub sequencer: bool,
    /// It owns partitions of the inbox.
    pub inbox: bool,
    /// It tells those who have no session.
    pub push: bool,
}

/// The name that means every role.
const ALL: &str = "all";

impl Roles {
    const EVERY: Self = Self { gateway: true, sequencer: true, inbox: true, push: true };

    /// Whether no stage is left to others.
    #[must_use]
    pub fn is_all(self) -> bool {
        self == Self::EVERY
    }

    /// The roles by their names.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        if self.is_all() {
            return vec![ALL];
        }
        let Self { gateway, sequencer, inbox, push } = self;
        [("gateway", gateway), ("sequencer", sequencer), ("inbox", inbox), ("push", push)]
            .into_iter()
            .filter_map(|(name, has)| has.then_some(name))
            .collect()
    }
}

impl Default for Roles {
    fn default() -> Self {
        Self::EVERY
    }
}

impl TryFrom<Vec<String>> for Roles {
    type Error = String;

    fn try_from(names: Vec<String>) -> Result<Self, String> {
        let mut roles = Self { gateway: false, sequencer: false, inbox: false, push: false };
        if names.is_empty() {
            return Err("roles is empty: name all, gateway, sequencer, inbox or push".into());
        }
        for name in names {
            match &*name {
                ALL => roles = Self::EVERY,
                "gateway" => roles.gateway = true,
                "sequencer" => roles.sequencer = true,
                "inbox" => roles.inbox = true,
                "push" => roles.push = true,
                _ => {
                    return Err(format!(
                        "roles has `{name}`: each must be all, gateway, sequencer, inbox or push"
                    ));
                }
            }
        }
        Ok(roles)
    }
}

impl From<Roles> for Vec<String> {
    fn from(roles: Roles) -> Self {
        roles.names().into_iter().map(str::to_owned).collect()
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(", "))
    }
}
