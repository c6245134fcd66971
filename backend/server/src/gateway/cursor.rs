//! Cursors: opaque to apps, bound to the database and the person.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::UserId;
use uuid::Uuid;

/// The cursor that says "everything up to this commit".
#[must_use]
pub(crate) fn encode(commit: u64, database: Uuid, user: UserId) -> String {
    let mut bytes = Vec::with_capacity(24);
    bytes.extend_from_slice(&database.as_bytes()[..8]);
    bytes.extend_from_slice(&user.bytes()[8..]);
    bytes.extend_from_slice(&commit.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The commit that a cursor names; `None` for one that is garbage, of another database or of
/// somebody else.
#[must_use]
pub(crate) fn decode(text: &str, database: Uuid, user: UserId) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(text.get(..64).unwrap_or(text)).ok()?;
    let commit: [u8; 8] = bytes.get(16..24)?.try_into().ok()?;
    let commit = u64::from_be_bytes(commit);
    (encode(commit, database, user) == text).then_some(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_23_only_ones_own_cursor_of_this_database_is_understood() {
        let (here, me) = (Uuid::from_u128(7), UserId(Uuid::from_u128(8)));
        let text = encode(42, here, me);
        assert_eq!(decode(&text, here, me), Some(42));
        assert_eq!(decode(&text, Uuid::from_u128(1 << 120), me), None, "foreign database");
        assert_eq!(decode(&text, here, UserId(Uuid::from_u128(9))), None, "foreign person");
        for garbage in ["", "-1", "AAAA", "ééé", &"A".repeat(4096)] {
            assert_eq!(decode(garbage, here, me), None);
        }
    }
}
