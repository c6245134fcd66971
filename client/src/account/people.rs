//! Who is who: names come from the server once and are kept; who is on screen is asked again when
//! what is known is old.

use std::collections::{BTreeMap, BTreeSet};

use protocol::request::Person;
use protocol::{ConversationId, Millis, UserId, limits};

use super::Account;
use crate::store::StoreError;
use crate::view::PersonView;

/// People on screen are asked about again after this long.
const STALE: Millis = 3600 * 1000;

/// How many people a search without the server gives.
const FOUND: usize = 20;

/// Everybody that was ever met.
#[derive(Default)]
pub struct People {
    known: BTreeMap<UserId, (Person, Millis)>,
    online: BTreeSet<UserId>,
    /// Who does not exist, or was asked about on this run; not asked again.
    asked: BTreeSet<UserId>,
}

impl People {
    pub(super) fn load(&mut self, known: BTreeMap<UserId, (Person, Millis)>, me: Person) {
        self.known = known;
        // Oneself comes from the account, never from the list of people, and is never stale.
        self.known.insert(me.id, (me, Millis::MAX));
        self.asked.clear();
    }

    /// Somebody as a UI shows them; names are empty while they are not known.
    #[must_use]
    pub fn view(&self, id: UserId) -> PersonView {
        let online = self.online.contains(&id);
        match self.known.get(&id) {
            Some((person, _)) => view(person, online),
            None => PersonView {
                id,
                name: String::new(),
                display_name: String::new(),
                about: String::new(),
                online,
            },
        }
    }

    /// The name to show.
    #[must_use]
    pub fn name(&self, id: UserId) -> String {
        self.known.get(&id).map(|(person, _)| shown(person).to_owned()).unwrap_or_default()
    }

    /// People who are known and whose name begins so, for when the server cannot be asked.
    #[must_use]
    pub fn find(&self, query: &str) -> Vec<PersonView> {
        let query = query.to_lowercase();
        let begins = |name: &str| name.to_lowercase().starts_with(&query);
        let found = self.known.values().filter(|(p, _)| begins(&p.name) || begins(&p.display_name));
        found.take(FOUND).map(|(person, _)| self.view(person.id)).collect()
    }

    fn is_wanted(&self, id: UserId, now: Millis, refresh: bool) -> bool {
        if self.asked.contains(&id) {
            return false;
        }
        match self.known.get(&id) {
            Some((_, fetched)) => refresh && now.saturating_sub(*fetched) > STALE,
            None => true,
        }
    }
}

/// Somebody as a UI shows them.
#[must_use]
pub(crate) fn view(person: &Person, online: bool) -> PersonView {
    PersonView {
        id: person.id,
        name: person.name.clone(),
        display_name: shown(person).to_owned(),
        about: person.about.clone(),
        online,
    }
}

fn shown(person: &Person) -> &str {
    if person.display_name.is_empty() { &person.name } else { &person.display_name }
}

impl Account {
    /// Names and presence.
    #[must_use]
    pub fn people(&self) -> &People {
        &self.people
    }

    /// Ask about the members of a conversation that are not known.
    pub(super) fn want_people_of(&mut self, id: ConversationId) {
        let Some(conversation) = self.conversations.get(&id) else { return };
        // The members of a large group are asked about when somebody looks at them.
        let few = conversation.roster.members.len() <= limits::IDS_PER_REQUEST;
        let members = conversation.roster.members.keys().filter(|_| few).copied();
        let people: Vec<UserId> = members.chain(conversation.peer).collect();
        self.want_people(people, false);
    }

    /// Ask about those of these people that are not known; with `refresh`, also about those whose
    /// names are old.
    pub(super) fn want_people(&mut self, people: impl IntoIterator<Item = UserId>, refresh: bool) {
        let now = self.environment.now();
        for id in people {
            if self.people.is_wanted(id, now, refresh) {
                self.want.person(id);
            }
        }
    }

    /// An answer about people came.
    pub(super) fn met(&mut self, asked: &[UserId], found: Vec<Person>, now: Millis) {
        self.people.asked.extend(asked);
        for id in asked {
            self.want.met(*id);
        }
        let changed: BTreeSet<UserId> = found
            .into_iter()
            .filter(|person| person.id != self.me)
            .filter_map(|person| {
                let id = person.id;
                let old = self.people.known.insert(id, (person, now));
                let new = self.people.known.get(&id).map(|(person, _)| person);
                (old.as_ref().map(|(person, _)| person) != new).then_some(id)
            })
            .collect();
        self.names_changed(&changed);
    }

    /// Oneself changed, here or on another device.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_me(&mut self, person: Person, version: u64) -> Result<(), StoreError> {
        self.want.has_me();
        let write = self.cache.begin()?;
        write.set_meta("account_version", &version.to_string())?;
        write.commit()?;
        self.sync.account_version = version;
        if person.id != self.me || person == self.identity.person {
            return Ok(());
        }
        self.identity.person = person.clone();
        let write = self.outbox.begin()?;
        write.set_identity(&self.identity)?;
        write.commit()?;
        self.people.known.insert(self.me, (person, Millis::MAX));
        self.names_changed(&BTreeSet::from([self.me]));
        Ok(())
    }

    /// What search found, to be kept for when a conversation with one of them is opened.
    pub fn remember(&mut self, people: &[Person]) -> Result<(), StoreError> {
        let now = self.environment.now();
        let write = self.cache.begin()?;
        for person in people.iter().filter(|person| person.id != self.me) {
            write.person(person, now)?;
        }
        write.commit()?;
        self.met(&[], people.to_vec(), now);
        Ok(())
    }

    /// Somebody on screen came or went.
    pub fn set_presence(&mut self, user: UserId, online: bool) {
        let changed =
            if online { self.people.online.insert(user) } else { self.people.online.remove(&user) };
        if changed {
            self.changes.presence.insert(user, online);
            self.names_changed(&BTreeSet::from([user]));
        }
    }

    /// The connection is gone, and with it what it told about presence and typing.
    pub fn forget_presence(&mut self) {
        for user in std::mem::take(&mut self.people.online) {
            self.changes.presence.insert(user, false);
            self.names_changed(&BTreeSet::from([user]));
        }
        for id in std::mem::take(&mut self.typing).into_keys() {
            self.changes.typing.insert(id);
            self.touch(id);
        }
    }

    fn names_changed(&mut self, who: &BTreeSet<UserId>) {
        if who.is_empty() {
            return;
        }
        let open = self.windows.open();
        let concerned = self.conversations.values().filter(|c| {
            open.contains(&c.id)
                || c.peer.is_some_and(|peer| who.contains(&peer))
                || who.iter().any(|user| c.roster.members.contains_key(user))
        });
        let ids: Vec<_> = concerned.map(|c| c.id).collect();
        self.changes.details.extend(ids.iter().filter(|id| open.contains(id)));
        self.changes.conversations.extend(ids);
    }
}
