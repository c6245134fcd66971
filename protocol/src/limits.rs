//! The numbers that bound what may be sent. Both sides check them: the app before it queues, the
//! server before it appends.

/// Largest text of one message, in bytes of UTF-8.
pub const BODY_BYTES: usize = 64 * 1024;
/// Largest frame that an app sends, in bytes.
pub const FRAME_BYTES: usize = 128 * 1024;
/// Largest frame that a server sends, in bytes. One event may carry two messages, each with its
/// current and its earlier texts, and quotes and new lines grow when they are encoded.
pub const SERVER_FRAME_BYTES: usize = 1024 * 1024;
/// Most commands in one `submit`.
pub const COMMANDS: usize = 50;
/// Most people that one command may name; larger groups follow with more commands.
pub const PEOPLE_PER_COMMAND: usize = 100;
/// Most members of a group at any one time.
pub const GROUP_MEMBERS: usize = 10_000;
/// Most memberships of one person in one group, one after another.
pub const PERIODS: usize = 100;
/// Longest name or title, in characters.
pub const NAME_CHARS: usize = 128;
/// Shortest account name, in characters.
pub const ACCOUNT_NAME_MIN: usize = 2;
/// Longest account name, in characters.
pub const ACCOUNT_NAME_MAX: usize = 32;
/// Shortest password, in characters.
pub const PASSWORD_MIN: usize = 8;
/// Longest password, in bytes.
pub const PASSWORD_MAX_BYTES: usize = 1024;
/// Most distinct emoji on one message.
pub const EMOJI_PER_MESSAGE: usize = 20;
/// Most reactions on one message, over all emoji.
pub const REACTIONS_PER_MESSAGE: usize = 500;
/// Longest emoji, in bytes of UTF-8: room for the longest joined family, no more.
pub const EMOJI_BYTES: usize = 64;
/// Most earlier texts that an edited message keeps.
pub const TEXTS_PER_MESSAGE: usize = 10;
/// Most pinned messages of a conversation.
pub const PINS: usize = 100;
/// Most events in one page or range.
pub const PAGE_EVENTS: u64 = 200;
/// Groups up to this size show who has a message; larger ones whether anybody has.
pub const SMALL_GROUP: usize = 20;
/// Groups above this size have no typing notices.
pub const TYPING_GROUP: usize = 100;
/// Most conversations, and most people, that a session may watch at once.
pub const LOOKS: usize = 50;
/// Most ids in one request for people.
pub const IDS_PER_REQUEST: usize = 100;
/// First page of the answer to `hello`, in bytes.
pub const FIRST_PAGE_BYTES: usize = 64 * 1024;
/// How many sends a second a person may make, and how many at once after a pause.
pub const SENDS_PER_SECOND: u32 = 10;
/// See [`SENDS_PER_SECOND`].
pub const SEND_BURST: u32 = 50;
/// A typing notice is gone after this long, in milliseconds.
pub const TYPING_MILLIS: i64 = 6_000;
/// Most characters of a message that a push says: what a notification can show.
pub const PUSH_CHARS: usize = 200;
/// Most places to which the pushes of one session go.
pub const SUBSCRIPTIONS_PER_SESSION: usize = 4;
/// Most places to which the pushes of one person go.
pub const SUBSCRIPTIONS_PER_USER: usize = 20;
/// Longest address to which pushes go, in bytes.
pub const PUSH_URL_BYTES: usize = 1024;
