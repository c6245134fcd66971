// English: the messages that the app shows. Other languages have the same shape, which the compiler
// checks. Functions take what is put into a sentence, since its order differs between languages.

import type { ChangeView, Role } from '../protocol';

const one = (n: number, singular: string, plural: string): string =>
  `${n.toLocaleString('en')} ${n === 1 ? singular : plural}`;

const list = (names: string[]): string =>
  new Intl.ListFormat('en', { type: 'conjunction' }).format(names);

const roles: Record<Role, string> = { owner: 'Owner', admin: 'Admin', member: 'Member' };

export const en = {
  app: 'Kith',
  you: 'You',
  nobody: 'Somebody',
  deletedAccountName: 'Unknown person',

  general: {
    cancel: 'Cancel',
    close: 'Close',
    save: 'Save',
    saved: 'Saved',
    tryAgain: 'Try again',
    back: 'Back',
    loading: 'Loading',
    more: 'More',
    clear: 'Clear',
    skip: 'Go to message field',
  },

  signIn: {
    title: 'Sign in to Kith',
    registerTitle: 'Create your account',
    hint: 'Ask whoever runs your server for its address.',
    server: 'Server',
    serverPlaceholder: 'kith.example.org',
    name: 'Name',
    displayName: 'Name to show',
    displayNameHint: 'How others see you. You can change it later.',
    nameHint: 'Letters and digits of a–z and 0–9, dot, dash and underscore.',
    password: 'Password',
    passwordHint: 'At least 8 characters.',
    showPassword: 'Show password',
    hidePassword: 'Hide password',
    submit: 'Sign in',
    submitRegister: 'Create account',
    toRegister: 'Create an account',
    toSignIn: 'I have an account',
    closed: 'This server takes no new accounts.',
    checking: 'Looking for the server…',
    reached: (name: string, millis: number) => `${name}, ${millis} ms away`,
    noServer: 'Nothing answers at this address.',
    keychainTitle: 'There is no keychain to keep you signed in',
    keychainBody:
      'Kith stores its key only where the system protects it, and no unlocked keychain answered. You can go on until you quit the app, and sign in again next time.',
    sessionOnly: 'Sign in until I quit',
  },

  connection: {
    online: 'Connected',
    polling: 'Connected, slowly',
    connecting: 'Connecting…',
    offline: 'Offline',
    signed_out: 'Signed out',
    strip: 'You are offline. Messages will be sent when you are back.',
    stripConnecting: 'Connecting. Messages will be sent in a moment.',
  },

  list: {
    label: 'Conversations',
    search: 'Search or jump to…',
    newConversation: 'New conversation',
    settings: 'Settings',
    account: 'Your account',
    filters: 'Show',
    all: 'All',
    unread: 'Unread',
    groups: 'Groups',
    draft: 'Draft:',
    noPreview: 'No messages yet',
    emptyTitle: 'Say hello to somebody',
    emptyBody: 'Conversations appear here, and stay readable when you are offline.',
    orPress: 'or press',
    syncing: 'Getting your conversations…',
    nothingUnread: 'All read. Nothing waits for you.',
    noGroups: 'You are in no group yet.',
    failed: 'Your conversations could not be read.',
    left: 'You left',
    typingOne: 'is typing…',
    typing: (names: string[]) =>
      names.length === 0
        ? ''
        : names.length === 1
          ? `${names[0]} is typing…`
          : names.length === 2
            ? `${names[0]} and ${names[1]} are typing…`
            : 'Several people are typing…',
    unreadCount: (n: number) => `${n >= 1000 ? 'more than 999' : n} unread`,
    moved: (n: number) => one(n, 'conversation', 'conversations'),
  },

  chat: {
    nothingOpen: 'Pick a conversation',
    nothingOpenBody: 'Choose one on the left, or begin another.',
    messages: 'Messages',
    messagesWith: (title: string) => `Messages in ${title}`,
    details: 'Details',
    backToList: 'Back to the conversations',
    today: 'Today',
    yesterday: 'Yesterday',
    newMessages: 'New messages',
    newCount: (n: number) =>
      n >= 1000 ? '999+ new' : one(n, 'new', 'new'),
    newest: 'To the newest message',
    gap: (n: number) => `Loading ${one(n, 'message', 'messages')}…`,
    newerApp: 'This needs a newer version of Kith.',
    empty: 'No messages yet',
    emptyBody: 'Whatever you write stays here, in one order for everybody.',
    beginning: 'This is the beginning.',
    failed: 'This conversation could not be opened.',
    online: 'Online',
    offline: 'Offline',
    members: (n: number) => one(n, 'member', 'members'),
    membersOnline: (n: number, online: number) =>
      `${one(n, 'member', 'members')}, ${online.toLocaleString('en')} online`,
    notAMember: 'You are not a member any more. You can read what you have.',
    deleted: 'This message was deleted',
    edited: 'edited',
    pinned: 'Pinned',
    quoteMissing: 'A message that is not here yet',
    jumpToQuote: (sender: string) => `Go to the quoted message by ${sender}`,
    copied: 'Copied',
    copyFailed: 'The system did not let Kith copy.',
    copyCode: 'Copy code',
  },

  message: {
    reply: 'Reply',
    edit: 'Edit',
    delete: 'Delete',
    copy: 'Copy text',
    pin: 'Pin',
    unpin: 'Unpin',
    react: 'React',
    moreEmoji: 'More emoji',
    info: 'Who has read it',
    actions: 'Message actions',
    retry: 'Try again',
    remove: 'Remove',
    takeBack: 'Take back',
    deleteTitle: 'Delete this message?',
    deleteBody: 'It disappears for everybody. This cannot be undone.',
    removeFailedTitle: 'Remove this message?',
    reactWith: (emoji: string) => `React with ${emoji}`,
    reactedBy: (emoji: string, names: string[], count: number) =>
      names.length > 0
        ? `${emoji} ${list(count > names.length ? [...names, one(count - names.length, 'other', 'others')] : names)}`
        : `${emoji} ${count}`,
    said: (sender: string, text: string) => `${sender}: ${text}`,
    answering: (sender: string) => `in reply to ${sender}`,
    progress: {
      sending: 'Sending',
      sent: 'Sent',
      delivered: 'Delivered',
      read: 'Read',
      failed: 'Not sent',
    },
    reactions: 'Reactions',
  },

  readers: {
    title: 'Who has read it',
    read: (n: number) => `Read by ${n}`,
    delivered: (n: number) => `Delivered to ${n}`,
    waiting: (n: number) => `Not there yet for ${n}`,
    nobody: 'Nobody else is here.',
  },

  composer: {
    label: (title: string) => `Message to ${title}`,
    placeholder: 'Write a message',
    send: 'Send',
    saveEdit: 'Save',
    emoji: 'Emoji',
    replyingTo: (sender: string) => `Reply to ${sender}`,
    editing: 'Edit message',
    stopReply: 'Do not reply',
    stopEdit: 'Stop editing',
    keys: 'Enter sends, Shift+Enter begins a new line',
    tooLong: 'This message is too long to send.',
  },

  emoji: {
    title: 'Emoji',
    search: 'Search emoji',
    none: 'No emoji found',
    failed: 'The emoji could not be loaded.',
    groups: [
      'Smileys',
      'People',
      '',
      'Nature',
      'Food',
      'Travel',
      'Activities',
      'Objects',
      'Symbols',
      'Flags',
    ],
  },

  people: {
    newTitle: 'New conversation',
    newGroup: 'New group',
    search: 'Search people by name',
    hint: 'Type the beginning of a name.',
    none: (query: string) => `Nobody here is called “${query}”.`,
    known: 'People you know',
    found: 'People',
    offline: 'Searching for people needs a connection. People you know are listed.',
    failed: 'People could not be searched.',
    groupName: 'Group name',
    groupNamePlaceholder: 'Engine room',
    chosen: (n: number) => one(n, 'person chosen', 'people chosen'),
    remove: (name: string) => `Remove ${name}`,
    create: 'Create group',
    next: 'Next',
    chooseFirst: 'Choose at least one person.',
    tooMany: 'A group can begin with at most 100 people. Add more later.',
    you: 'This is you',
  },

  details: {
    title: 'Details',
    close: 'Close details',
    membersTitle: (n: number) => `Members · ${n.toLocaleString('en')}`,
    moreMembers: (n: number) => `and ${one(n, 'more member', 'more members')}`,
    add: 'Add people',
    addTitle: 'Add people',
    rename: 'Rename',
    renameTitle: 'Rename group',
    leave: 'Leave group',
    leaveTitle: (title: string) => `Leave ${title}?`,
    leaveBody: 'You get no more messages from it. What you have stays readable.',
    leaveOwner: 'You own this group. Somebody else becomes the owner when you leave.',
    remove: 'Remove from group',
    removeTitle: (name: string) => `Remove ${name}?`,
    removeBody: 'They get no more messages from this group.',
    makeAdmin: 'Make admin',
    makeMember: 'Make member',
    makeOwner: 'Make owner',
    makeOwnerTitle: (name: string) => `Make ${name} the owner?`,
    makeOwnerBody: 'There is one owner. You become an admin.',
    message: 'Write to them',
    memberActions: (name: string) => `What to do with ${name}`,
    about: 'About',
    accountName: 'Account',
    noAbout: 'Nothing said yet',
    failed: 'The details could not be read.',
    roles,
  },

  settings: {
    title: 'Settings',
    sections: {
      profile: 'Profile',
      notifications: 'Notifications',
      appearance: 'Appearance',
      chats: 'Chats',
      language: 'Language',
      devices: 'Devices',
      about: 'About',
    },
    displayName: 'Name to show',
    accountName: 'Account name',
    about: 'About you',
    aboutPlaceholder: 'A line that others see',
    password: 'Password',
    passwordBody: 'Changing it signs you out everywhere else.',
    oldPassword: 'Password until now',
    newPassword: 'New password',
    changePassword: 'Change password',
    passwordChanged: 'The password is changed. Other devices are signed out.',
    notify: 'Notify me about',
    notifyAll: 'Everything',
    notifyNothing: 'Nothing',
    notifyContent: 'Show message text',
    notifyContentBody: 'Off shows only who wrote.',
    appearance: 'Appearance',
    system: 'As the system',
    light: 'Light',
    dark: 'Dark',
    typing: 'Show who is typing',
    typingBody: 'Also tells others when you are. Off does neither.',
    language: 'Language',
    languageSystem: 'As the system',
    devices: 'Signed-in devices',
    thisDevice: 'This device',
    lastUsed: (when: string) => `Last used ${when}`,
    endSession: 'Sign out',
    endSessionOf: (device: string) => `Sign out ${device}`,
    endSessionTitle: (device: string) => `Sign out ${device}?`,
    endSessionBody: 'It has to sign in again. Messages stay on the server.',
    unknownDevice: 'Unknown device',
    sessionOnly: 'You are signed in until you quit the app, since there is no keychain.',
    signOut: 'Sign out',
    signOutTitle: 'Sign out of this device?',
    signOutBody:
      'What this device holds is removed, with messages that were not sent yet. Everything else stays on the server.',
    server: 'Server',
    connection: 'Connection',
    version: 'Version',
    aboutBody: 'Chat that people run themselves.',
    shortcuts: 'Keyboard shortcuts',
    failed: 'This could not be read.',
  },

  palette: {
    title: 'Jump to',
    placeholder: 'Jump to a conversation, a person or a command',
    conversations: 'Conversations',
    people: 'People',
    commands: 'Commands',
    none: 'Nothing found',
    offline: 'Offline: people of the server are not searched.',
  },

  commands: {
    newConversation: 'New conversation',
    newGroup: 'New group',
    settings: 'Open settings',
    shortcuts: 'Show keyboard shortcuts',
    light: 'Use light appearance',
    dark: 'Use dark appearance',
    system: 'Use the system’s appearance',
    details: 'Show or hide details',
    signOut: 'Sign out of this device',
  },

  shortcuts: {
    title: 'Keyboard shortcuts',
    everywhere: 'Everywhere',
    inMessages: 'On a message',
    inComposer: 'While writing',
    palette: 'Jump to anything',
    newConversation: 'New conversation',
    settings: 'Settings',
    next: 'Next conversation',
    previous: 'Previous conversation',
    nextUnread: 'Next unread conversation',
    panes: 'Next part of the window',
    sheet: 'This sheet',
    details: 'Details',
    close: 'Close, or back',
    move: 'Move between messages',
    firstLast: 'First, last message shown',
    menu: 'All actions',
    send: 'Send',
    newLine: 'New line',
    editLast: 'Edit your last message',
    stop: 'Stop replying or editing',
  },

  notices: {
    cache_rebuilt: 'The local copy was damaged and is being fetched again. Nothing is lost.',
    signed_out_elsewhere: 'This device was signed out from somewhere else.',
    session_ended: 'This session was ended. Sign in again.',
    other: 'Kith wants to tell you something: ',
  } as Record<string, string>,

  errors: {
    offline: 'There is no connection to the server.',
    not_a_server: 'What answers at this address is not a Kith server.',
    signed_out: 'You are signed out.',
    too_late: 'It was sent already. Edit or delete it instead.',
    no_keychain: 'There is no usable keychain.',
    storage: 'Kith cannot write its files. Is the disk full?',
    wrong_password: 'That name and password do not match.',
    bad_password: 'The password needs 8 characters or more.',
    bad_name: 'This name cannot be used.',
    bad_text: 'There is a character in it that cannot be used.',
    empty_text: 'There is nothing in it.',
    name_taken: 'Somebody has this name already.',
    registration_closed: 'This server takes no new accounts.',
    session_ended: 'This session was ended. Sign in again.',
    not_allowed: 'Your role does not allow that.',
    slow_down: 'That was a bit fast. Wait a moment.',
    too_large: 'This is too long.',
    too_many: 'That is too much at once.',
    busy: 'The server is busy. Try again in a moment.',
    stopping: 'The server is restarting. Try again in a moment.',
    internal: 'Something broke on the server.',
    damaged: 'The server holds this damaged and does not show it.',
    not_a_member: 'You are not a member of this conversation.',
    no_conversation: 'There is no such conversation.',
    not_with_yourself: 'You cannot write to yourself.',
    no_person: 'There is no such person.',
    blocked: 'This person cannot be written to.',
    already_a_member: 'They are members already.',
    group_full: 'The group is full.',
    no_message: 'This message is not there any more.',
    message_deleted: 'This message was deleted.',
    not_yours: 'Only who wrote it can do that.',
    no_change: 'It is so already.',
    limit_reached: 'There are too many of them already.',
    last_owner: 'A group needs an owner. Make somebody else the owner first.',
    bad_emoji: 'This is not an emoji that can be used.',
    other: 'That did not work.',
  } as Record<string, string>,

  change: (c: ChangeView): string => {
    switch (c.what) {
      case 'created':
        return `${c.by} began the group “${c.title}”`;
      case 'renamed':
        return `${c.by} renamed the group to “${c.title}”`;
      case 'added':
        return `${c.by} added ${list(c.names)}`;
      case 'removed':
        return `${c.by} removed ${c.name}`;
      case 'left':
        return `${c.name} left`;
      case 'role_changed':
        return `${c.by} made ${c.name} ${c.role === 'member' ? 'a member' : c.role === 'admin' ? 'an admin' : 'the owner'}`;
      case 'pinned':
        return `${c.by} pinned a message`;
    }
  },
};

export type Words = typeof en;
