//! What one live session says and is told, whatever carries its frames.

use std::sync::Arc;
use std::time::Duration;

use protocol::frame::{Cursor, Hello, Look, Mark, Refused};
use protocol::{ClientFrame, Code, ConversationId, ServerFrame, SessionId, UserId, limits, wire};
use storage::MarkOutcome;
use tokio::time::Instant;

use super::answer::Answer;
use super::{Outgoing, cursor};
use crate::app::App;
use crate::auth::Principal;
use crate::pipeline::deliver::Attached;
use crate::pipeline::stage;

/// How long a new connection may wait before it says hello.
pub(crate) const HELLO_WITHIN: Duration = Duration::from_secs(5);

/// One session. Frames go in through [`Session::heed`], and come out of [`Session::outgoing`].
pub(crate) struct Session {
    app: App,
    user: UserId,
    id: SessionId,
    /// What waits to be sent.
    pub(crate) outgoing: Arc<Outgoing>,
    attached: tokio::sync::Mutex<Option<Arc<Attached>>>,
}

impl Session {
    pub(crate) fn new(app: App, principal: Principal) -> Self {
        Self {
            app,
            user: principal.user,
            id: principal.session,
            outgoing: Arc::new(Outgoing::default()),
            attached: tokio::sync::Mutex::new(None),
        }
    }

    /// Whether the first hello has come.
    pub(crate) async fn greeted(&self) -> bool {
        self.attached.lock().await.is_some()
    }

    /// Do what one frame asks for. Whatever it is, the session goes on.
    pub(crate) async fn heed(&self, text: &str) {
        let frame = match wire::decode_client(text) {
            Ok(frame) => frame,
            Err(refused) => return self.outgoing.answer(&ServerFrame::Error(refused)),
        };
        if let ClientFrame::Hello(hello) = frame {
            return self.hello(hello).await;
        }
        let Some(attached) = self.attached.lock().await.clone() else {
            return self.refuse(Code::HelloFirst, "say hello first");
        };
        match frame {
            ClientFrame::Hello(_) => {}
            ClientFrame::Submit(submit) => {
                for answer in self.app.accept.submit(self.user, submit).await {
                    self.outgoing.answer(&answer);
                }
            }
            ClientFrame::Mark(mark) => self.mark(mark).await,
            ClientFrame::Typing(typing) => self.typing(typing.conversation).await,
            ClientFrame::Look(look) => self.look(&attached, look).await,
        }
    }

    fn refuse(&self, code: Code, detail: &str) {
        let detail = detail.to_owned();
        self.outgoing.answer(&ServerFrame::Error(Refused { code, conversation: None, detail }));
    }

    async fn mark(&self, mark: Mark) {
        let conversation = Some(mark.conversation);
        let (id, read, began) = (mark.conversation, mark.read, Instant::now());
        match self.app.stores.markers.mark(self.user, mark).await {
            Ok(MarkOutcome::Stored(stored)) => {
                self.outgoing.answer(&ServerFrame::MarkStored(stored));
                if read > 0 && stage::is_followed() {
                    self.follow_read(id, read, began.elapsed()).await;
                }
            }
            Ok(MarkOutcome::NotAMember) => {
                let detail = "never a member".to_owned();
                let refused = Refused { code: Code::NotAMember, conversation, detail };
                self.outgoing.answer(&ServerFrame::Error(refused));
            }
            // The app sends it again.
            Err(error) => tracing::error!("a marker could not be stored: {error}"),
        }
    }

    /// Say of the message that a marker names that it was read. The marker holds a seq, and only the
    /// store knows which command that was.
    async fn follow_read(&self, id: ConversationId, read: u64, took: Duration) {
        let found = self.app.stores.fold.events(id, &[read]).await.unwrap_or_default();
        for (row, _) in found {
            stage::passed(stage::READ, row.event.client_ref, took);
        }
    }

    /// Tell that the person is writing, in a conversation that is small enough for that.
    async fn typing(&self, id: ConversationId) {
        if !self.app.accept.may_tell(self.user) {
            return;
        }
        // One read says all: whether there are too many, whether the person is one of them, and who
        // may know; somebody who left may look still.
        let most = limits::TYPING_GROUP;
        let members = self.app.stores.history.members(id, None, most as u64 + 1).await;
        let members: Vec<_> = members.unwrap_or_default().iter().map(|m| m.user).collect();
        if members.len() <= most && members.contains(&self.user) {
            match &self.app.links {
                Some(links) => links.gateway.typing(id, self.user, &members),
                None => self.app.delivery.typing(id, self.user, &members),
            }
        }
    }

    async fn look(&self, attached: &Attached, look: Look) {
        if look.conversations.len() > limits::LOOKS || look.users.len() > limits::LOOKS {
            return self.refuse(Code::TooMany, "looks");
        }
        // Who has blocked somebody is not seen by them; nobody is, while the store does not answer.
        let users = match self.app.stores.friends.blocked(self.user, &look.users).await {
            Ok(by) => look.users.into_iter().filter(|user| !by.contains(user)).collect(),
            Err(_) => Vec::new(),
        };
        let mut own = Look { conversations: Vec::new(), users };
        for id in look.conversations {
            let member = self.app.stores.history.member(id, self.user).await;
            if member
                .is_ok_and(|row| row.is_some_and(|row| protocol::model::is_current(&row.periods)))
            {
                own.conversations.push(id);
            }
        }
        attached.look(own);
    }

    async fn hello(&self, hello: Hello) {
        if hello.version != protocol::VERSION {
            return self.refuse(Code::UnsupportedVersion, "this server speaks version 1");
        }
        let mut place = self.attached.lock().await;
        if place.is_none() {
            let outgoing = self.outgoing.clone();
            let attached = self.app.delivery.attach(self.user, self.id, outgoing);
            // Asked again here: many connections may have been let in before one said hello.
            if !super::has_room(&self.app, self.user, self.id, 0) {
                drop(attached);
                return self.refuse(Code::TooManySockets, "too many live connections");
            }
            *place = Some(Arc::new(attached));
        }
        let Some(number) = self.outgoing.listen() else {
            return self.refuse(Code::HelloTwice, "hello was said");
        };
        let Some(attached) = place.clone() else { return };
        // Read when this session gets everything that comes after.
        let delivered = self.app.delivery.delivered(self.user);
        drop(place);
        let (app, user, session) = (self.app.clone(), self.user, self.id);
        let outgoing = self.outgoing.clone();
        let answer = Answer { app, user, session, outgoing, attached, number, delivered };
        // Beside the frames that follow: a long list holds none of them up.
        tokio::spawn(answer.give(hello));
    }

    /// The cursor frame for a commit up to which everything was sent.
    pub(crate) fn cursor(&self, covered: u64) -> String {
        let cursor = cursor::encode(covered, self.app.stores.history.database(), self.user);
        wire::encode(&ServerFrame::Cursor(Cursor { cursor }))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.outgoing.close();
    }
}
