//! Tokens: what they hold and how they are signed. Pure, but for the file that keeps the secret.
//!
//! Both kinds are opaque to apps. An access token names its session and the moment at which it
//! expires; a refresh token names its session and its number, 1, 2, 3 …, and is signed together
//! with the device it was given to. Since a token follows from session, number and secret, the same
//! one can be given out again without ever having been stored.

use std::fmt;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use protocol::{DeviceId, Millis, SessionId};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::environment::Environment;

/// Longest text that can be a token; longer ones are not even decoded.
const LONGEST: usize = 256;
const ACCESS: &str = "ka1.";
const REFRESH: &str = "kr1.";
const SIGNATURE: usize = 32;

/// What signs tokens. Whoever has it can be anybody.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// The secret with these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The secret in `file`; when there is no such file, a new one, written so that only the
    /// server's own user can read it.
    ///
    /// # Errors
    /// When the file cannot be read or written, or does not hold a secret.
    pub fn load(file: &Path, environment: &Environment) -> anyhow::Result<Self> {
        match std::fs::read_to_string(file) {
            Ok(text) => decode::<32>(text.trim()).map(Self).with_context(|| {
                format!("{} must hold 32 bytes in URL-safe base64", file.display())
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let secret = Self(environment.bytes());
                let written = secret.write(file, &environment.id().simple().to_string());
                match written {
                    Ok(()) => Ok(secret),
                    // Another node was quicker, and its secret is everybody's.
                    Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                        Self::load(file, environment)
                    }
                    Err(error) => Err(error).with_context(|| {
                        format!("the secret cannot be written to {}", file.display())
                    }),
                }
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }

    /// Written beside and then put in its place, so that a kill leaves either no secret or a whole one,
    /// and of several nodes that share the file one writes it.
    fn write(&self, file: &Path, unique: &str) -> std::io::Result<()> {
        let beside = file.with_extension(format!("{unique}.new"));
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut out = options.open(&beside)?;
        writeln!(out, "{}", URL_SAFE_NO_PAD.encode(self.0))?;
        out.sync_all()?;
        // A link, unlike a rename, takes nobody else's place.
        let linked = std::fs::hard_link(&beside, file);
        std::fs::remove_file(&beside)?;
        linked
    }

    /// The key of the links between nodes that follows from this secret.
    #[must_use]
    pub fn link_key(&self) -> crate::link::Key {
        crate::link::Key::of(&self.0)
    }

    /// The access token of `session` that is good until `expires`.
    #[must_use]
    pub fn access(&self, session: SessionId, expires: Millis) -> String {
        let mut bytes = session.bytes().to_vec();
        bytes.extend(expires.to_be_bytes());
        let signature = self.sign(ACCESS, &[&bytes]);
        bytes.extend(signature);
        format!("{ACCESS}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What an access token says, if this secret has signed it: whose it is and when it expires.
    #[must_use]
    pub fn read_access(&self, token: &str) -> Option<(SessionId, Millis)> {
        let bytes: [u8; 24 + SIGNATURE] = decode(token.strip_prefix(ACCESS)?)?;
        let (said, signature) = bytes.split_at(24);
        let (session, expires) = said.split_at(16);
        self.is_signed(ACCESS, &[said], signature).then_some(())?;
        Some((SessionId::from_slice(session)?, Millis::from_be_bytes(expires.try_into().ok()?)))
    }

    /// The refresh token of `session` with this number, for this device.
    #[must_use]
    pub fn refresh(&self, session: SessionId, generation: u64, device: DeviceId) -> String {
        let mut bytes = session.bytes().to_vec();
        bytes.extend(generation.to_be_bytes());
        let signature = self.sign(REFRESH, &[&bytes, device.bytes()]);
        bytes.extend(signature);
        format!("{REFRESH}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What a refresh token says, if this secret has signed it for this device: whose it is and
    /// its number.
    #[must_use]
    pub fn read_refresh(&self, token: &str, device: DeviceId) -> Option<(SessionId, u64)> {
        let bytes: [u8; 24 + SIGNATURE] = decode(token.strip_prefix(REFRESH)?)?;
        let (said, signature) = bytes.split_at(24);
        let (session, generation) = said.split_at(16);
        self.is_signed(REFRESH, &[said, device.bytes()], signature).then_some(())?;
        Some((SessionId::from_slice(session)?, u64::from_be_bytes(generation.try_into().ok()?)))
    }

    /// A key for another purpose, which says nothing of the secret or of keys for other purposes. It is
    /// the same wherever the secret is the same.
    #[must_use]
    pub fn key(&self, purpose: &str, of: &[u8]) -> [u8; 32] {
        self.sign("key.", &[purpose.as_bytes(), b"\0", of])
    }

    /// Each kind of token is signed under its own name, so that one can never pass as the other.
    fn sign(&self, kind: &str, parts: &[&[u8]]) -> [u8; SIGNATURE] {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return [0; SIGNATURE] };
        mac.update(kind.as_bytes());
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    fn is_signed(&self, kind: &str, parts: &[&[u8]], signature: &[u8]) -> bool {
        self.sign(kind, parts).as_slice().ct_eq(signature).into()
    }
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() > LONGEST {
        return None;
    }
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const SESSION: SessionId = SessionId(Uuid::from_u128(7));
    const DEVICE: DeviceId = DeviceId(Uuid::from_u128(8));

    #[test]
    fn a_token_says_what_was_signed() {
        let secret = Secret::new([1; 32]);
        assert_eq!(secret.read_access(&secret.access(SESSION, 99)), Some((SESSION, 99)));
        let refresh = secret.refresh(SESSION, 3, DEVICE);
        assert_eq!(secret.read_refresh(&refresh, DEVICE), Some((SESSION, 3)));
        assert_eq!(refresh, secret.refresh(SESSION, 3, DEVICE), "it can be given out again");
    }

    #[test]
    fn nodes_that_begin_at_once_have_one_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shared/secret");
        let begin = std::sync::Barrier::new(8);
        let tokens = std::thread::scope(|nodes| {
            let load = || {
                begin.wait();
                Secret::load(&file, &Environment::real()).unwrap().access(SESSION, 99)
            };
            let nodes: Vec<_> = (0..8).map(|_| nodes.spawn(load)).collect();
            nodes.into_iter().map(|node| node.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
        let left = std::fs::read_dir(folder.path().join("shared")).unwrap().count();
        assert_eq!(left, 1, "only the secret");
    }

    #[test]
    fn row_8_a_changed_cut_foreign_or_other_kind_of_token_says_nothing() {
        let (secret, other) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let access = secret.access(SESSION, 99);
        for at in 0..access.len() {
            let mut changed = access.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(secret.read_access(&changed), None, "changed at {at}");
            assert_eq!(secret.read_access(&access[..at]), None, "cut at {at}");
        }
        assert_eq!(other.read_access(&access), None);
        let refresh = secret.refresh(SESSION, 1, DEVICE);
        assert_eq!(secret.read_access(&refresh.replace(REFRESH, ACCESS)), None);
        assert_eq!(secret.read_access(&"A".repeat(1024 * 1024)), None);
        // {"alg":"none"}.{"sub":"ada"}. and its kin.
        assert_eq!(secret.read_access("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ."), None);
    }

    #[test]
    fn row_33_a_refresh_token_is_only_good_with_its_own_device() {
        let secret = Secret::new([1; 32]);
        let token = secret.refresh(SESSION, 1, DEVICE);
        assert_eq!(secret.read_refresh(&token, DeviceId(Uuid::from_u128(9))), None);
    }

    #[test]
    fn a_secret_is_made_once_readable_by_nobody_else_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data/secret");
        let environment = Environment::simulated(std::sync::Arc::new(|| 0), 1);
        let made = Secret::load(&file, &environment).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(Secret::load(&file, &environment).unwrap().0, made.0);
        std::fs::write(&file, "short").unwrap();
        assert!(Secret::load(&file, &environment).unwrap_err().to_string().contains("32 bytes"));
        assert_eq!(format!("{made:?}"), "Secret(…)");
    }
}
