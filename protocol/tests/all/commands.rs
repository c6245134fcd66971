//! The commands that change a conversation, and the frame that submits them.

use protocol::testing::variants;
use protocol::{Command, Entry, Role, Submit, direct_conversation};

use super::{ada, client_ref, grace, group, snapshots};

fn all() -> Vec<(&'static str, Command)> {
    vec![
        ("message", Command::Message { text: "hi *there*".into(), reply_to: None }),
        ("message, a reply", Command::Message { text: "yes".into(), reply_to: Some(7) }),
        ("edit", Command::Edit { target: 7, text: "hello".into() }),
        ("delete", Command::Delete { target: 7 }),
        ("react", Command::React { target: 7, emoji: "👍".into(), on: true }),
        ("pin", Command::Pin { target: 7, on: false }),
        (
            "create",
            Command::Create {
                title: "Engine room".into(),
                members: vec![grace()],
                history_open: true,
            },
        ),
        ("rename", Command::Rename { title: "Bridge".into() }),
        ("add", Command::Add { users: vec![grace()] }),
        ("remove", Command::Remove { user: grace() }),
        ("leave", Command::Leave {}),
        ("role, owner", Command::Role { user: grace(), role: Role::Owner }),
        ("role, admin", Command::Role { user: grace(), role: Role::Admin }),
        ("role, member", Command::Role { user: grace(), role: Role::Member }),
    ]
}

#[test]
fn every_command_is_written_as_it_always_was() {
    let mut commands = snapshots("commands");
    for (name, command) in all() {
        commands.add(name, &command);
    }
    for variant in variants::<Command>(None) {
        assert!(commands.names(&variant).iter().any(|rest| rest.is_empty() || rest.contains(',')));
    }
    let entries = all().into_iter().zip(1..);
    let submit = Submit {
        conversation: group(),
        peer: None,
        commands: entries
            .map(|((_, command), n)| Entry { client_ref: client_ref(n), command })
            .collect(),
    };
    commands.add("submit to a group", &submit);
    let submit = Submit {
        conversation: direct_conversation(ada(), grace()),
        peer: Some(grace()),
        commands: submit.commands[..1].to_vec(),
    };
    commands.add("submit to a person", &submit);
    commands.close();
}
