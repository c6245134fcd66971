//! The fold: what a command becomes. Pure and total: it reads no clock, no database and no random
//! number, and every command is accepted or rejected.

use protocol::model::{ConversationKind, is_current};
use protocol::{Code, Command, EventKind, Role, UserId, limits};

use super::record::Record;
use super::state::{Message, State};

/// What `command`, sent in `record`, becomes in `state`.
///
/// # Errors
/// The code that it is rejected with.
pub fn decide(state: &State, record: &Record, command: &Command) -> Result<EventKind, Code> {
    if let Command::Create { title, members, history_open } = command {
        return create(state, record, title, members, *history_open);
    }
    if let Some(peer) = record.peer {
        direct_may(state, record, peer, command)?;
    } else if record.conversation.is_direct() {
        // Without the other person's id nobody has asked whether there is a block.
        return Err(Code::NoConversation);
    } else {
        state.current(record.sender).ok_or(Code::NotAMember)?;
    }
    match command {
        Command::Message { reply_to, .. } => {
            if let Some(seq) = reply_to {
                message(state, record.sender, *seq)?;
            }
            Ok(EventKind::Message { reply_to: *reply_to })
        }
        Command::Edit { target, text } => edit(state, record.sender, *target, text),
        Command::Delete { target } => delete(state, record.sender, *target),
        Command::React { target, emoji, on } => react(state, record.sender, *target, emoji, *on),
        Command::Pin { target, on } => pin(state, record.sender, *target, *on),
        Command::Create { .. } => Err(Code::AlreadyExists),
        Command::Rename { title } => rename(state, record.sender, title),
        Command::Add { users } => add(state, record, users),
        Command::Remove { user } => remove(state, record.sender, *user),
        Command::Leave {} => leave(state, record.sender),
        Command::Role { user, role } => give_role(state, record.sender, *user, *role),
    }
}

fn create(
    state: &State,
    record: &Record,
    title: &str,
    members: &[UserId],
    history_open: bool,
) -> Result<EventKind, Code> {
    if !record.conversation.is_group() || record.peer.is_some() {
        return Err(Code::NotAGroup);
    }
    if state.conversation.is_some() || state.head.seq > 0 {
        return Err(Code::AlreadyExists);
    }
    let members = welcome(state, record, members);
    Ok(EventKind::Created { title: title.to_owned(), members, history_open })
}

/// Those of the named who can become members: each once, who exist, are not blocked, are not members,
/// and have not come back too often.
fn welcome(state: &State, record: &Record, named: &[UserId]) -> Vec<UserId> {
    let mut welcome: Vec<UserId> = Vec::new();
    for user in named {
        let can = *user != record.sender
            && !welcome.contains(user)
            && !record.absent.contains(user)
            && !record.blocked.contains(user)
            && state.current(*user).is_none()
            && !has_come_too_often(state, *user);
        if can {
            welcome.push(*user);
        }
    }
    welcome
}

/// A page carries all memberships that its person has had, so there are only so many.
fn has_come_too_often(state: &State, user: UserId) -> bool {
    state.members.get(&user).is_some_and(|row| row.periods.len() >= limits::PERIODS)
}

fn direct_may(state: &State, record: &Record, peer: UserId, command: &Command) -> Result<(), Code> {
    if peer == record.sender {
        return Err(Code::NotWithYourself);
    }
    if protocol::direct_conversation(record.sender, peer) != record.conversation {
        return Err(Code::NoConversation);
    }
    if record.absent.contains(&peer) {
        return Err(Code::NoPerson);
    }
    if record.blocked.contains(&peer) {
        return Err(Code::Blocked);
    }
    if state.conversation.is_none() && !matches!(command, Command::Message { .. }) {
        return Err(Code::NoMessage);
    }
    Ok(())
}

/// The message with this seq, if the person may see it.
fn message(state: &State, user: UserId, seq: u64) -> Result<&Message, Code> {
    if !state.can_see(user, seq) {
        return Err(Code::NoMessage);
    }
    state.messages.get(&seq).ok_or(Code::NoMessage)
}

/// As [`message`], if it was not deleted.
fn living(state: &State, user: UserId, seq: u64) -> Result<&Message, Code> {
    let message = message(state, user, seq)?;
    if message.row.state.texts.is_empty() { Err(Code::MessageDeleted) } else { Ok(message) }
}

fn edit(state: &State, user: UserId, target: u64, text: &str) -> Result<EventKind, Code> {
    let message = living(state, user, target)?;
    if message.sender != user {
        return Err(Code::NotYours);
    }
    if message.row.state.text() == Some(text) {
        return Err(Code::NoChange);
    }
    Ok(EventKind::Edited { target })
}

fn delete(state: &State, user: UserId, target: u64) -> Result<EventKind, Code> {
    let message = living(state, user, target)?;
    if message.sender != user && role(state, user)? < Role::Admin {
        return Err(Code::NotYours);
    }
    Ok(EventKind::Deleted { target })
}

fn react(
    state: &State,
    user: UserId,
    target: u64,
    emoji: &str,
    on: bool,
) -> Result<EventKind, Code> {
    let reactions = &living(state, user, target)?.row.state.reactions;
    let same = reactions.iter().find(|r| r.emoji == emoji);
    if same.is_some_and(|r| r.users.contains(&user)) == on {
        return Err(Code::NoChange);
    }
    let total: usize = reactions.iter().map(|r| r.users.len()).sum();
    let many = same.is_none() && reactions.len() >= limits::EMOJI_PER_MESSAGE;
    if on && (many || total >= limits::REACTIONS_PER_MESSAGE) {
        return Err(Code::LimitReached);
    }
    Ok(EventKind::Reacted { target, emoji: emoji.to_owned(), on })
}

fn pin(state: &State, user: UserId, target: u64, on: bool) -> Result<EventKind, Code> {
    if is_group(state) && role(state, user)? < Role::Admin {
        return Err(Code::NotAllowed);
    }
    if living(state, user, target)?.row.state.pinned == on {
        return Err(Code::NoChange);
    }
    let pins = state.conversation.as_ref().map_or(0, |row| row.pins.len());
    if on && pins >= limits::PINS {
        return Err(Code::LimitReached);
    }
    Ok(EventKind::Pinned { target, on })
}

fn rename(state: &State, user: UserId, title: &str) -> Result<EventKind, Code> {
    group_admin(state, user)?;
    if state.conversation.as_ref().is_some_and(|row| row.title == title) {
        return Err(Code::NoChange);
    }
    Ok(EventKind::Renamed { title: title.to_owned() })
}

fn add(state: &State, record: &Record, users: &[UserId]) -> Result<EventKind, Code> {
    group_admin(state, record.sender)?;
    let added = welcome(state, record, users);
    if added.is_empty() {
        let all = |list: &[UserId]| users.iter().all(|user| list.contains(user));
        return Err(if all(&record.absent) {
            Code::NoPerson
        } else if all(&record.blocked) {
            Code::Blocked
        } else if users.iter().all(|u| has_come_too_often(state, *u) && state.current(*u).is_none())
        {
            Code::LimitReached
        } else {
            Code::AlreadyAMember
        });
    }
    if state.current_count() + added.len() > limits::GROUP_MEMBERS {
        return Err(Code::GroupFull);
    }
    Ok(EventKind::Added { users: added })
}

fn remove(state: &State, sender: UserId, user: UserId) -> Result<EventKind, Code> {
    let own = group_admin(state, sender)?;
    if user == sender {
        return Err(Code::BadValue);
    }
    let theirs = state.current(user).ok_or(Code::NotAMember)?.role;
    if own <= theirs {
        return Err(Code::NotAllowed);
    }
    Ok(EventKind::Removed { user })
}

fn leave(state: &State, sender: UserId) -> Result<EventKind, Code> {
    if !is_group(state) {
        return Err(Code::NotAGroup);
    }
    if role(state, sender)? != Role::Owner {
        return Ok(EventKind::Left { new_owner: None });
    }
    // The earliest admin, else the earliest member; of several who came together the lowest id.
    let new_owner = state
        .members
        .values()
        .filter(|row| row.user != sender && is_current(&row.periods))
        .min_by_key(|row| {
            let joined = row.periods.last().map_or(u64::MAX, |p| p.joined_seq);
            (std::cmp::Reverse(row.role), joined, row.user)
        })
        .map(|row| row.user);
    Ok(EventKind::Left { new_owner })
}

fn give_role(state: &State, sender: UserId, user: UserId, new: Role) -> Result<EventKind, Code> {
    if !is_group(state) {
        return Err(Code::NotAGroup);
    }
    if role(state, sender)? != Role::Owner {
        return Err(Code::NotAllowed);
    }
    let old = state.current(user).ok_or(Code::NotAMember)?.role;
    if old == new {
        return Err(Code::NoChange);
    }
    if user == sender {
        return Err(Code::LastOwner);
    }
    Ok(EventKind::RoleChanged { user, role: new })
}

fn role(state: &State, user: UserId) -> Result<Role, Code> {
    state.current(user).map(|row| row.role).ok_or(Code::NotAMember)
}

fn group_admin(state: &State, user: UserId) -> Result<Role, Code> {
    if !is_group(state) {
        return Err(Code::NotAGroup);
    }
    role(state, user).and_then(|r| if r < Role::Admin { Err(Code::NotAllowed) } else { Ok(r) })
}

fn is_group(state: &State) -> bool {
    state.conversation.as_ref().is_some_and(|row| row.kind == ConversationKind::Group)
}
