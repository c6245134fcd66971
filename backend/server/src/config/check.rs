//! What a configuration must hold for the server to start.

use crate::config::Config;

/// Settings that cannot be used, all of them at once.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Invalid(
    /// One sentence for each, beginning with the setting's name.
    pub Vec<String>,
);

impl Config {
    /// Whether every value can be used.
    ///
    /// # Errors
    /// [`Invalid`] with a sentence for each value that cannot.
    pub fn check(&self) -> Result<(), Invalid> {
        let mut complaints = Vec::new();
        let mut require = |holds: bool, complaint: &str| {
            if !holds {
                complaints.push(complaint.to_owned());
            }
        };
        let Self { roles, server, auth, limits, log, admin, otlp, cluster, push, dev } = self;
        require(
            roles.is_all() || cluster.is_on(),
            "roles must be all without cluster.kafka, cluster.cql and cluster.postgres: embedded, one \
             process is every stage",
        );
        require(!server.data.as_os_str().is_empty(), "server.data is empty: name a folder");
        require(
            protocol::name::check_title(&server.name).is_ok(),
            "server.name must have 1 to 128 visible characters",
        );
        for (setting, value) in [("server.region", &server.region), ("server.node", &server.node)] {
            require(is_label(value), &format!("{setting} must be 1 to 64 of a-z, A-Z, 0-9, . _ -"));
        }
        require(
            server.address.is_empty() || is_origin(&server.address),
            "server.address must be http(s)://host[:port], or empty",
        );
        for origin in &server.origins {
            require(
                is_origin(origin),
                &format!("server.origins has `{origin}`: it must be http(s)://host[:port]"),
            );
        }
        let at_least_one = [
            ("auth.hashes_at_once", auth.hashes_at_once),
            ("auth.hash_passes", auth.hash_passes as usize),
            ("auth.attempts", auth.attempts as usize),
            ("auth.attempts_per_address", auth.attempts_per_address as usize),
            ("limits.sends_per_second", limits.sends_per_second as usize),
            ("limits.send_burst", limits.send_burst as usize),
            ("limits.sockets_per_device", limits.sockets_per_device),
            ("limits.sockets_per_user", limits.sockets_per_user),
            ("limits.sockets", limits.sockets),
            ("limits.connections_per_address", limits.connections_per_address),
            ("limits.connections", limits.connections),
        ];
        for (setting, value) in at_least_one {
            require(value >= 1, &format!("{setting} must be at least 1"));
        }
        require(
            auth.hashes_at_once + auth.hashes_waiting <= 100_000,
            "auth.hashes_waiting must be below 100000",
        );
        require(
            (8..=4 * 1024 * 1024).contains(&auth.hash_memory_kib),
            "auth.hash_memory_kib must be 8 to 4194304",
        );
        require(
            (60..=86_400).contains(&auth.access_seconds),
            "auth.access_seconds must be 60 to 86400",
        );
        let seconds = [
            ("auth.attempt_seconds", auth.attempt_seconds),
            ("limits.header_seconds", limits.header_seconds),
            ("limits.body_seconds", limits.body_seconds),
            ("limits.stall_seconds", limits.stall_seconds),
        ];
        for (setting, value) in seconds {
            require((1..=3600).contains(&value), &format!("{setting} must be 1 to 3600"));
        }
        require(server.drain_seconds <= 3600, "server.drain_seconds must be 0 to 3600");
        require(
            log.filter.parse::<tracing_subscriber::EnvFilter>().is_ok(),
            "log.filter cannot be understood; `info` or `server=debug,info` can",
        );
        require(
            admin.listen.is_none_or(|address| address.port() == 0 || address != server.listen),
            "admin.listen must not be server.listen",
        );
        require(
            !dev.accounts || cfg!(debug_assertions) || server.listen.ip().is_loopback(),
            "dev.accounts may only be on when server.listen is a loopback address",
        );
        complaints.extend(cluster.complaints());
        complaints.extend(push.complaints());
        complaints.extend(otlp.complaints());
        if complaints.is_empty() { Ok(()) } else { Err(Invalid(complaints)) }
    }
}

fn is_label(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

/// `scheme://host[:port]` and nothing behind it.
pub(super) fn is_origin(text: &str) -> bool {
    text.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|a| !a.host().is_empty() && !a.as_str().contains('@'))
            && uri.path() == "/"
            && uri.query().is_none()
            && !text.ends_with('/')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)]) -> Result<Config, String> {
        let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::load(None, variables).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_can_be_used_and_are_what_an_empty_environment_gives() {
        assert_eq!(load(&[]), Ok(Config::default()));
    }

    #[test]
    fn the_environment_is_above_the_file_and_the_file_above_the_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kith.toml");
        std::fs::write(&file, "[server]\nname = \"Works\"\nregion = \"eu\"\n").unwrap();
        let variables = [("KITH__SERVER__NAME".into(), "Engine".into())];
        let config = Config::load(Some(&file), variables).unwrap();
        assert_eq!((config.server.name.as_str(), config.server.region.as_str()), ("Engine", "eu"));
        assert_eq!(config.limits, Config::default().limits);
    }

    #[test]
    fn numbers_lists_and_choices_come_from_variables() {
        let config = load(&[
            ("KITH__LIMITS__SEND_BURST", "7"),
            ("KITH__SERVER__TRUSTED_PROXIES", "10.0.0.0/8,::1/128"),
            ("KITH__SERVER__REGISTRATION", "closed"),
            ("KITH__SERVER__NAME", "42"),
        ])
        .unwrap();
        assert_eq!(config.limits.send_burst, 7);
        assert_eq!(config.server.trusted_proxies.len(), 2);
        assert_eq!(config.server.registration, crate::config::Registration::Closed);
        assert_eq!(config.server.name, "42");
    }

    #[test]
    fn a_complaint_names_its_setting() {
        for (variable, value, setting) in [
            ("KITH__SERVER__NAME", "\u{200b}", "server.name"),
            ("KITH__ROLES", "gateway", "roles must be all"),
            ("KITH__ROLES", "gatekeeper", "roles has `gatekeeper`"),
            ("KITH__SERVER__REGION", "über uns", "server.region"),
            ("KITH__SERVER__ADDRESS", "chat.example", "server.address"),
            ("KITH__SERVER__ORIGINS", "https://a.example/path", "server.origins"),
            ("KITH__SERVER__LISTEN", "somewhere", "listen"),
            ("KITH__LIMITS__SEND_BURST", "0", "limits.send_burst"),
            ("KITH__CLUSTER__KAFKA", "127.0.0.1", "cluster.kafka has `127.0.0.1`"),
            ("KITH__CLUSTER__KAFKA", "127.0.0.1:9092", "cluster.cql is empty"),
            (
                "KITH__CLUSTER__POSTGRES",
                "postgres://kith:secret@db:5432/kith",
                "postgres_password_file",
            ),
            ("KITH__CLUSTER__PARTITIONS", "0", "cluster.partitions"),
            ("KITH__CLUSTER__KEYSPACE", "Kith; DROP", "cluster.keyspace"),
            ("KITH__CLUSTER__ZOOKEEPER", "somewhere", "cluster.zookeeper"),
            ("KITH__LIMITS__SEND_BURST", "many", "send_burst"),
            ("KITH__LIMITS__SEND_BRUST", "1", "send_brust"),
            ("KITH__AUTH__ACCESS_SECONDS", "5", "auth.access_seconds"),
            ("KITH__LOG__FILTER", "a=b=c", "log.filter"),
            ("KITH__PUSH__CONTACT", "ada@kith.example", "push.contact"),
            ("KITH__OTLP__ENDPOINT", "collector", "otlp.endpoint"),
            ("KITH__OTLP__SAMPLED", "2", "otlp.sampled"),
        ] {
            let complaint = load(&[(variable, value)]).unwrap_err();
            assert!(complaint.contains(setting), "{variable}: {complaint}");
        }
    }

    #[test]
    fn what_is_shown_can_be_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kith.toml");
        let mut config = Config::default();
        config.server.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        std::fs::write(&file, config.to_toml().unwrap()).unwrap();
        assert_eq!(Config::load(Some(&file), []).unwrap(), config);
    }
}
