//! Links into the app: `kith://conversation/ID` and `kith://conversation/ID/SEQ`. Any page and any
//! message may hold one, so a link can do no more than show what the person has anyway, and one that
//! is written in any other way is no link.

use client::view::Target;
use protocol::ConversationId;

/// What every link begins with.
const BEGINNING: &str = "kith://conversation/";
/// An id is written in one way only: with hyphens, in small letters.
const ID_LENGTH: usize = 36;
/// Seqs cross to the page as numbers of JavaScript.
const LARGEST_SEQ: u64 = (1 << 53) - 1;

/// Where a link leads.
pub(crate) fn target(link: &str) -> Option<Target> {
    let rest = link.strip_prefix(BEGINNING)?;
    let (id, seq) = match rest.split_once('/') {
        Some((id, seq)) => (id, Some(number(seq)?)),
        None => (rest, None),
    };
    Some(Target { conversation: conversation(id)?, seq })
}

fn conversation(text: &str) -> Option<ConversationId> {
    let plain = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c) || c == '-';
    if text.len() != ID_LENGTH || !text.chars().all(plain) {
        return None;
    }
    let id: ConversationId = text.parse().ok()?;
    (id.is_direct() || id.is_group()).then_some(id)
}

/// A seq: digits, without a sign and without zeros before them.
fn number(text: &str) -> Option<u64> {
    if text.starts_with('0') || !text.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|seq| (1..=LARGEST_SEQ).contains(seq))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "0193e4a0-0000-7000-8000-0000000000aa";
    const DIRECT: &str = "886313e1-3b8a-5372-9b90-0c9aee199e5d";

    #[test]
    fn a_link_leads_to_a_conversation_or_to_a_message_in_it() {
        for (link, id, seq) in [
            (format!("kith://conversation/{GROUP}"), GROUP, None),
            (format!("kith://conversation/{GROUP}/1"), GROUP, Some(1)),
            (format!("kith://conversation/{DIRECT}/9007199254740991"), DIRECT, Some(LARGEST_SEQ)),
        ] {
            let expected = Target { conversation: id.parse().unwrap(), seq };
            assert_eq!(target(&link), Some(expected), "{link}");
        }
    }

    #[test]
    fn row_47_what_is_written_in_any_other_way_leads_nowhere() {
        let long = format!("kith://conversation/{GROUP}/{}", "9".repeat(10_000));
        let id = |id: &str| format!("kith://conversation/{id}");
        for link in [
            String::new(),
            "kith:".into(),
            "kith://".into(),
            "kith://conversation".into(),
            "kith://conversation/".into(),
            "KITH://conversation/".to_owned() + GROUP,
            "https://conversation/".to_owned() + GROUP,
            "kith://settings/".to_owned() + GROUP,
            "kith://conversation//".to_owned() + GROUP,
            format!(" kith://conversation/{GROUP}"),
            id("../../etc/passwd"),
            id(&GROUP.to_uppercase()),
            id(&GROUP.replace('-', "")),
            id(&format!("{{{GROUP}}}")),
            id(&format!("urn:uuid:{GROUP}")),
            // No conversation has an id of this version.
            id("0193e4a0-0000-4000-8000-0000000000aa"),
            id("00000000-0000-0000-0000-000000000000"),
            id(&format!("{GROUP}/")),
            id(&format!("{GROUP}/0")),
            id(&format!("{GROUP}/01")),
            id(&format!("{GROUP}/-1")),
            id(&format!("{GROUP}/+1")),
            id(&format!("{GROUP}/1/2")),
            id(&format!("{GROUP}/1?x=y")),
            id(&format!("{GROUP}/1#x")),
            id(&format!("{GROUP}/9007199254740992")),
            id(&format!("{GROUP}/٣")),
            id(&format!("{GROUP}/%31")),
            id(&format!("{GROUP}\n/1")),
            id(&format!("{GROUP}/<script>")),
            long,
        ] {
            assert_eq!(target(&link), None, "{link:.80}");
        }
    }
}
