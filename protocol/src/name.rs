//! Names: of accounts, people and groups. Two names that look alike to a person are one name.

use unicode_normalization::UnicodeNormalization;

use crate::{Code, limits};

/// Account names that nobody can have, since they would be taken for the server's own voice.
const RESERVED: &[&str] = &[
    "admin",
    "administrator",
    "all",
    "channel",
    "everyone",
    "here",
    "kith",
    "kithd",
    "me",
    "moderator",
    "owner",
    "root",
    "security",
    "server",
    "support",
    "system",
];

/// Whether a person sees something where this character stands.
#[must_use]
pub fn is_visible(c: char) -> bool {
    !(c.is_whitespace() || c.is_control() || is_invisible_format(c))
}

/// Zero-width characters, direction marks, soft hyphen, fillers, tags and variation selectors.
fn is_invisible_format(c: char) -> bool {
    matches!(u32::from(c), 0x00AD | 0x034F | 0x061C | 0x115F | 0x1160 | 0x17B4 | 0x17B5
        | 0x180B..=0x180F | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0x2800 | 0x3164
        | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0xE0000..=0xE0FFF)
}

/// Direction overrides, embeddings and isolates: in a name they would turn the text around it.
fn turns_text(c: char) -> bool {
    matches!(u32::from(c), 0x202A..=0x202E | 0x2066..=0x2069)
}

/// The account name to store for what somebody typed: trimmed, NFKC, lower case, and only letters
/// and digits of ASCII, `.`, `_` and `-`, beginning with a letter or digit. That set has no
/// look-alikes, so case and normalization are the only duplicates there can be, and both are folded.
///
/// # Errors
/// [`Code::BadName`] for a name outside the set or the limits, [`Code::NameTaken`] for a reserved one.
pub fn account_name(typed: &str) -> Result<String, Code> {
    if typed.len() > limits::NAME_CHARS * 4 {
        return Err(Code::BadName);
    }
    let name: String = typed.trim().nfkc().flat_map(char::to_lowercase).collect();
    let length = name.chars().count();
    let good = (limits::ACCOUNT_NAME_MIN..=limits::ACCOUNT_NAME_MAX).contains(&length)
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        && name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !good {
        Err(Code::BadName)
    } else if RESERVED.contains(&name.as_str()) {
        Err(Code::NameTaken)
    } else {
        Ok(name)
    }
}

/// Whether this can be a group's title or a person's display name: 1 to [`limits::NAME_CHARS`]
/// characters, at least one of them visible, no control characters and none that turn the text.
///
/// # Errors
/// [`Code::BadName`] for the length, [`Code::EmptyText`], [`Code::BadText`].
pub fn check_title(title: &str) -> Result<(), Code> {
    if title.chars().count() > limits::NAME_CHARS {
        Err(Code::BadName)
    } else if title.chars().any(|c| c.is_control() || turns_text(c)) {
        Err(Code::BadText)
    } else if !title.chars().any(is_visible) {
        Err(Code::EmptyText)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_32_names_that_look_alike_are_one_name_or_refused() {
        assert_eq!(account_name(" Ada "), Ok("ada".into()));
        assert_eq!(account_name("ａｄａ"), Ok("ada".into()), "full-width folds");
        assert_eq!(account_name("аda"), Err(Code::BadName), "Cyrillic а");
        assert_eq!(account_name("ad\u{200b}a"), Err(Code::BadName));
        assert_eq!(account_name("e\u{301}ve"), Err(Code::BadName), "NFD and NFC alike");
        assert_eq!(account_name("éve"), Err(Code::BadName));
        assert_eq!(account_name("a"), Err(Code::BadName));
        assert_eq!(account_name(&"a".repeat(300)), Err(Code::BadName));
        assert_eq!(account_name("-ada"), Err(Code::BadName));
        for name in RESERVED {
            assert_eq!(account_name(name), Err(Code::NameTaken));
        }
    }

    #[test]
    fn row_21_a_title_is_visible_short_and_does_not_turn_the_text() {
        for title in ["Engine room", "机房", "غرفة المحرك", "👩‍🚀"] {
            assert_eq!(check_title(title), Ok(()));
        }
        assert_eq!(check_title(&"x".repeat(10_240)), Err(Code::BadName));
        assert_eq!(check_title("a\u{202e}b"), Err(Code::BadText));
        assert_eq!(check_title("a\nb"), Err(Code::BadText));
        assert_eq!(check_title("\u{2800}"), Err(Code::EmptyText));
    }
}
