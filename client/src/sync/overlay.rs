//! What a message looks like with the changes that are still in the outbox. The server's answer
//! replaces it; nothing of it is stored.

use protocol::model::{MessageState, Reaction, Text};
use protocol::{Command, Millis, UserId};

/// Apply one's own queued command to the state of the message that it targets.
pub fn overlay(state: &mut MessageState, command: &Command, me: UserId, now: Millis) {
    // A deleted message has no texts, and takes no change.
    if state.texts.is_empty() {
        return;
    }
    match command {
        Command::Edit { target, text } if *target == state.seq => {
            state.texts.push(Text { text: text.clone(), at: now });
        }
        Command::Delete { target } if *target == state.seq => {
            state.texts.clear();
            state.reactions.clear();
            state.pinned = false;
        }
        Command::Pin { target, on } if *target == state.seq => state.pinned = *on,
        Command::React { target, emoji, on } if *target == state.seq => {
            react(&mut state.reactions, emoji, me, *on);
        }
        _ => {}
    }
}

fn react(reactions: &mut Vec<Reaction>, emoji: &str, me: UserId, on: bool) {
    match reactions.iter_mut().find(|r| r.emoji == emoji) {
        Some(reaction) => {
            reaction.users.retain(|&user| user != me);
            if on {
                reaction.users.push(me);
            }
        }
        None if on => reactions.push(Reaction { emoji: emoji.to_owned(), users: vec![me] }),
        None => {}
    }
    reactions.retain(|reaction| !reaction.users.is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: UserId = UserId(uuid::Uuid::from_u128(1));

    fn message() -> MessageState {
        let texts = vec![Text { text: "hi".into(), at: 0 }];
        MessageState { seq: 3, texts, reactions: vec![], pinned: false, state_seq: 3 }
    }

    #[test]
    fn a_queued_change_shows_on_its_own_message_only() {
        let mut state = message();
        overlay(&mut state, &Command::Edit { target: 4, text: "no".into() }, ME, 0);
        assert_eq!(state, message());
        overlay(&mut state, &Command::Edit { target: 3, text: "ho".into() }, ME, 9);
        assert_eq!(state.text(), Some("ho"));
    }

    #[test]
    fn a_reaction_taken_back_leaves_nothing_and_a_deleted_message_takes_no_change() {
        let mut state = message();
        let react = |on| Command::React { target: 3, emoji: "👍".into(), on };
        overlay(&mut state, &react(true), ME, 0);
        overlay(&mut state, &react(true), ME, 0);
        assert_eq!(state.reactions, [Reaction { emoji: "👍".into(), users: vec![ME] }]);
        overlay(&mut state, &react(false), ME, 0);
        assert_eq!(state, message());
        overlay(&mut state, &Command::Delete { target: 3 }, ME, 0);
        overlay(&mut state, &react(true), ME, 0);
        assert_eq!((state.text(), state.reactions.len()), (None, 0));
    }
}
