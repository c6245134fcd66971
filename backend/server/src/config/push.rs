//! What reaches people who have no session.

use serde::{Deserialize, Serialize};

/// What reaches people who have no session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Push {
    /// Where whoever runs a push service finds whoever runs this server, `mailto:…` or `https://…`. Some
    /// services refuse pushes without it. Empty: `server.address`, if that is https, else nothing.
    pub contact: String,
    /// Whether pushes may go to private networks and to this machine, and without TLS: for a push service
    /// of one's own. Anybody with an account then has the server call addresses there.
    pub allow_private: bool,
}

impl Push {
    /// What cannot be used, a sentence each.
    pub(super) fn complaints(&self) -> Option<String> {
        let fits = |text: &str| {
            (text.starts_with("mailto:") && text.contains('@') || text.starts_with("https://"))
                && !text.contains(|c: char| c.is_whitespace() || c.is_control())
        };
        let usable = self.contact.is_empty() || fits(&self.contact);
        (!usable).then(|| "push.contact must begin with mailto: or https://, or be empty".into())
    }
}
