//! How two nodes show each other that they have the cluster's secret, without saying it: each sends
//! bytes that nobody could foresee, and gets them back signed together with both names.
//!
//! The secret is either a file of the link's own or the one that signs tokens; in both cases the key
//! is derived from it, so nothing that is signed here means anything elsewhere.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::message::VERSION;

/// Longest message of the handshake, in bytes.
pub(super) const LONGEST: usize = 1024;

/// What both nodes have.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// The first thing that who connects says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    /// [`VERSION`].
    pub(super) version: u32,
    /// Its name.
    pub(super) node: String,
    /// Base64 of 32 random bytes.
    pub(super) nonce: String,
}

/// The answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Challenge {
    /// Its name.
    pub(super) node: String,
    /// Base64 of 32 other random bytes.
    pub(super) nonce: String,
    /// Of who was connected to.
    pub(super) proof: String,
}

/// The third and last word of the handshake.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    /// Of who connected.
    pub(super) proof: String,
}

/// Which end of a link signs. A proof of one end is none of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Gateway,
    Owner,
}

pub(super) fn nonce(bytes: [u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Key {
    /// The key that follows from these secret bytes.
    #[must_use]
    pub fn of(secret: &[u8]) -> Self {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return Self([0; 32]) };
        mac.update(b"kith link 1");
        Self(mac.finalize().into_bytes().into())
    }

    /// What this end has to show in this handshake.
    pub(super) fn proof(&self, end: End, gateway: (&str, &str), owner: (&str, &str)) -> String {
        URL_SAFE_NO_PAD.encode(self.sign(end, gateway, owner))
    }

    /// Whether the other end has shown it.
    pub(super) fn is_proof(
        &self,
        proof: &str,
        end: End,
        gateway: (&str, &str),
        owner: (&str, &str),
    ) -> bool {
        let Ok(shown) = URL_SAFE_NO_PAD.decode(proof) else { return false };
        self.sign(end, gateway, owner).as_slice().ct_eq(&shown).into()
    }

    /// Each end is its name and its nonce. Lengths stand before them, so that no two handshakes sign the
    /// same bytes.
    fn sign(&self, end: End, gateway: (&str, &str), owner: (&str, &str)) -> [u8; 32] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return [0; 32] };
        mac.update(&VERSION.to_be_bytes());
        mac.update(if end == End::Gateway { b"gateway" } else { b"owner  " });
        for part in [gateway.0, gateway.1, owner.0, owner.1] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: (&str, &str) = ("node-1", "n1");
    const B: (&str, &str) = ("node-2", "n2");

    #[test]
    fn a_proof_is_good_for_one_end_of_one_handshake_under_one_secret() {
        let key = Key::of(b"secret");
        let proof = key.proof(End::Owner, A, B);
        assert!(key.is_proof(&proof, End::Owner, A, B));
        assert!(!key.is_proof(&proof, End::Gateway, A, B), "sent back by who was asked");
        assert!(!key.is_proof(&proof, End::Owner, B, A));
        assert!(!key.is_proof(&proof, End::Owner, (A.0, "n3"), B), "of an earlier handshake");
        assert!(!key.is_proof(&proof, End::Owner, ("node-1n", "1"), B), "shifted");
        assert!(!Key::of(b"other").is_proof(&proof, End::Owner, A, B));
        for garbage in ["", "A", "ééé", &"A".repeat(4096)] {
            assert!(!key.is_proof(garbage, End::Owner, A, B));
        }
        assert_eq!(format!("{key:?}"), "Key(…)");
    }
}
