// A client in memory: it answers every call and tells every change, so that the whole UI can be
// driven and looked at without a server. Only tests and pictures use it; no build of the app has it.

import type { Backend, Listener } from '../../src/backend';
import type {
  AppState,
  Args,
  CallError,
  CallName,
  Code,
  Connection,
  Coverage,
  MessageView,
  Notification,
  Progress,
  Result,
  Row,
  Target,
} from '../../src/protocol';
import { DemoAccount, type Handlers, problem } from './account';
import { ada, everybody } from './people';
import { message, Room } from './room';
import { search } from './search';

export interface DemoOptions {
  now: () => number;
  rooms: Room[];
  signedIn?: boolean;
  complete?: boolean;
  connection?: Connection;
  settings?: Partial<AppState['settings']>;
  /** Whether there is a window around the page; if not, a browser. */
  desktop?: boolean;
  /** How long a message takes to be sent, delivered and read, in milliseconds each. */
  pace?: number;
}

export class DemoBackend implements Backend {
  readonly account: DemoAccount;
  readonly rooms = new Map<string, Room>();
  /** What was called, for tests that ask. */
  readonly calls: { name: CallName; args: unknown }[] = [];
  /** Calls that are answered with this code from now on; `hang` never answers. */
  readonly broken = new Map<CallName, CallError['code'] | 'hang'>();
  /** What searches say of what they looked through. */
  coverage: Coverage = { complete: true, since: null, coming: false, indexing: false };
  readonly #answers: Handlers;
  readonly #options: DemoOptions;
  readonly #listeners = new Set<Listener>();
  #order: string[] = [];
  #open: string | null = null;
  #pending = 0;
  #target: Target | null = null;
  constructor(options: DemoOptions) {
    this.#options = options;
    for (const room of options.rooms) this.rooms.set(room.id, room);
    this.account = new DemoAccount(
      {
        signedIn: options.signedIn ?? true,
        connection: options.connection ?? 'online',
        settings: options.settings ?? {},
        desktop: options.desktop ?? true,
      },
      options.now(),
      () => this.#tell({ event: 'state', state: this.account.state }),
    );
    this.#answers = { ...this.account.answers, ...this.#rest };
    this.#sort();
  }

  async call<N extends CallName>(name: N, args: Args<N>): Promise<Result<N>> {
    this.calls.push({ name, args });
    const broken = this.broken.get(name);
    if (broken === 'hang') return new Promise(() => {});
    await Promise.resolve();
    if (broken) throw problem(broken);
    return structuredClone(await (this.#answers[name] as (args: Args<N>) => Result<N>)(args));
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    queueMicrotask(() => this.#tell({ event: 'idle', idle: this.#pending === 0 }));
    return () => this.#listeners.delete(listener);
  }

  /** The stream of changes is cut and begins again; nobody hears of what happens `meanwhile`. */
  restart(meanwhile: () => void = () => {}): void {
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    meanwhile();
    for (const listener of listeners) {
      this.#listeners.add(listener);
      listener.restarted();
    }
  }

  #tell(...batch: Notification[]): void {
    for (const listener of this.#listeners) listener.notify(structuredClone(batch));
  }

  #sort(): boolean {
    const before = this.#order.join();
    this.#order = [...this.rooms.values()]
      .filter((room) => room.rows.length > 0)
      .sort((a, b) => b.item().at - a.item().at)
      .map((room) => room.id);
    return this.#order.join() !== before;
  }

  get #unread(): number {
    return [...this.rooms.values()].reduce((sum, room) => sum + room.unread, 0);
  }

  /** Rows of a room changed: tell the list, and whoever has it open. */
  #changed(room: Room, rows: Row[], removed: string[] = []): void {
    const moved = this.#sort();
    const batch: Notification[] = [];
    if (this.#open === room.id)
      batch.push({ event: 'rows', conversation: room.id, rows, removed, head: room.head });
    batch.push({
      event: 'conversations',
      changed: [room.item()],
      order: moved ? this.#order : null,
      unread: this.#unread,
      complete: true,
    });
    this.#tell(...batch);
  }

  #room(id: string): Room {
    const room = this.rooms.get(id);
    if (!room) throw problem('no_conversation');
    return room;
  }

  #messageAt(id: string, seq: number): { room: Room; row: Row; body: MessageView } {
    const room = this.#room(id);
    const row = room.find(seq);
    if (row?.body.type !== 'message') throw problem('no_message');
    return { room, row, body: row.body };
  }

  // What tests and pictures let happen.

  /** Somebody writes. */
  receive(id: string, from: string, text: string): void {
    const room = this.#room(id);
    const sender = everybody.find((p) => p.name === from) ?? ada;
    this.#changed(room, [room.say(sender, this.#options.now(), text)]);
  }

  connect(connection: Connection): void {
    this.account.set({ connection });
    if (connection === 'online') for (const room of this.rooms.values()) this.#deliver(room);
  }

  /** Somebody clicks a notification of this message. */
  clickNotification(id: string, seq: number): void {
    this.#target = { conversation: id, seq };
    this.#tell({ event: 'target_waiting' });
  }

  type(id: string, names: string[]): void {
    const room = this.#room(id);
    room.typing = names;
    this.#tell({ event: 'typing', conversation: id, names });
    this.#changed(room, []);
  }

  reject(id: string, code: Code): void {
    this.#tell({ event: 'rejected', conversation: id, client_ref: this.#room(id).ref(), code });
  }

  /** How many more messages of history are missing in a room, after this seq. */
  gap(id: string, after: number, missing: number): void {
    const room = this.#room(id);
    room.rows = room.rows.filter(
      (row) => row.seq === null || row.seq <= after || row.seq > after + missing,
    );
    const at = room.rows.findIndex((row) => row.seq === null || row.seq > after);
    room.rows.splice(at === -1 ? room.rows.length : at, 0, {
      key: `gap-${after + 1}`,
      seq: after + 1,
      at: 0,
      body: { type: 'gap', missing },
    });
  }

  #deliver(room: Room): void {
    const waiting = room.rows.filter(
      (row) => row.seq === null && row.body.type === 'message' && row.body.progress === 'sending',
    );
    for (const row of waiting) {
      row.seq = room.head + 1;
      room.rows.sort(
        (a, b) => (a.seq ?? Number.POSITIVE_INFINITY) - (b.seq ?? Number.POSITIVE_INFINITY),
      );
      this.#progress(room, row, ['sent', 'delivered', 'read']);
    }
  }

  #progress(room: Room, row: Row, steps: Progress[]): void {
    const [next, ...rest] = steps;
    if (!next || row.body.type !== 'message') return;
    row.body.progress = next;
    row.body.queued = false;
    this.#changed(room, [row]);
    if (rest.length > 0) this.#later(() => this.#progress(room, row, rest));
  }

  #later(act: () => void): void {
    this.#pending += 1;
    this.#tell({ event: 'idle', idle: false });
    setTimeout(() => {
      this.#pending -= 1;
      act();
      if (this.#pending === 0) this.#tell({ event: 'idle', idle: true });
    }, this.#options.pace ?? 40);
  }

  readonly #rest: Omit<Handlers, keyof DemoAccount['answers']> = {
    list_conversations: () => ({
      conversations: this.#order.map((id) => this.#room(id).item()),
      unread: this.#unread,
      complete: this.#options.complete ?? true,
    }),
    open_conversation: ({ conversation, at }) => {
      this.#open = conversation;
      return this.#room(conversation).open(at);
    },
    load_rows: ({ conversation, before, after }) => {
      const room = this.#room(conversation);
      return before !== null ? room.before(before) : room.after(after ?? 0);
    },
    close_conversation: ({ conversation }) => {
      if (this.#open === conversation) this.#open = null;
      return {};
    },
    open_direct: ({ user }) => {
      for (const room of this.rooms.values())
        if (room.peer?.id === user) return { conversation: room.id };
      const who = everybody.find((p) => p.id === user);
      if (!who) throw problem('no_person');
      const room = new Room(
        `0193e4a0-0000-5000-8000-${String(5000 + this.rooms.size).padStart(12, '0')}`,
        'direct',
        who.display_name,
        [
          { person: ada, role: 'member' },
          { person: who, role: 'member' },
        ],
      );
      this.rooms.set(room.id, room);
      return { conversation: room.id };
    },
    send_message: ({ conversation, text, reply_to }) => {
      const room = this.#room(conversation);
      const row: Row = {
        key: room.ref(),
        seq: null,
        at: this.#options.now(),
        body: {
          type: 'message',
          ...message(ada, text, 'sending'),
          queued: true,
          reply: reply_to ? room.quote(reply_to) : null,
        },
      };
      room.rows.push(row);
      this.#changed(room, [row]);
      if (/^fail/.test(text)) {
        this.#later(() => {
          if (row.body.type === 'message')
            Object.assign(row.body, { progress: 'failed', error: 'blocked', queued: false });
          this.#changed(room, [row]);
        });
      } else if (this.account.state.connection === 'online') this.#later(() => this.#deliver(room));
      return { client_ref: row.key };
    },
    edit_message: ({ conversation, seq, client_ref, text }) => {
      const room = this.#room(conversation);
      const row = room.rows.find((r) => (seq !== null ? r.seq === seq : r.key === client_ref));
      if (row?.body.type !== 'message') throw problem('no_message');
      const { body } = row;
      Object.assign(body, { text, blocks: message(ada, text).blocks, edited: seq !== null });
      this.#changed(room, [row]);
      return {};
    },
    delete_message: ({ conversation, seq }) => {
      const { room, row, body } = this.#messageAt(conversation, seq);
      Object.assign(body, { deleted: true, text: '', blocks: [], reactions: [] });
      this.#changed(room, [row]);
      return {};
    },
    react: ({ conversation, seq, emoji, on }) => {
      const { room, row, body } = this.#messageAt(conversation, seq);
      const known = body.reactions.find((r) => r.emoji === emoji);
      if (on && known)
        Object.assign(known, {
          count: known.count + 1,
          mine: true,
          names: [...known.names, ada.display_name],
        });
      else if (on) body.reactions.push({ emoji, count: 1, mine: true, names: [ada.display_name] });
      else if (known)
        Object.assign(known, {
          count: known.count - 1,
          mine: false,
          names: known.names.filter((n) => n !== ada.display_name),
        });
      body.reactions = body.reactions.filter((r) => r.count > 0);
      this.#changed(room, [row]);
      return {};
    },
    pin: ({ conversation, seq, on }) => {
      const { room, row, body } = this.#messageAt(conversation, seq);
      body.pinned = on;
      this.#changed(room, [row]);
      this.#tell({ event: 'details', details: room.details() });
      return {};
    },
    cancel_pending: ({ conversation, client_ref }) => {
      const room = this.#room(conversation);
      room.rows = room.rows.filter((row) => row.key !== client_ref);
      this.#changed(room, [], [client_ref]);
      return {};
    },
    retry_pending: ({ conversation, client_ref }) => {
      const room = this.#room(conversation);
      const old = room.rows.find((row) => row.key === client_ref);
      if (old?.body.type !== 'message') throw problem('no_message');
      room.rows = room.rows.filter((row) => row !== old);
      const row: Row = {
        key: room.ref(),
        seq: null,
        at: old.at,
        body: { ...old.body, progress: 'sending', error: null, queued: true },
      };
      room.rows.push(row);
      this.#changed(room, [row], [client_ref]);
      this.#later(() => this.#deliver(room));
      return { client_ref: row.key };
    },
    save_draft: ({ conversation, text, reply_to }) => {
      const room = this.#room(conversation);
      room.draft =
        text === '' && reply_to === null
          ? null
          : { text, reply: reply_to ? room.quote(reply_to) : null };
      this.#changed(room, []);
      return {};
    },
    mark_read: ({ conversation, seq }) => {
      const room = this.#room(conversation);
      room.read = Math.max(room.read, seq);
      this.#changed(room, []);
      return {};
    },
    typing: () => ({}),
    mute_conversation: ({ conversation, until }) => {
      const room = this.#room(conversation);
      room.mutedUntil = until;
      this.#changed(room, []);
      return {};
    },
    looks_at: () => ({}),
    take_target: () => {
      const target = this.#target;
      this.#target = null;
      return { target };
    },
    quit: () => {
      if (!this.account.state.desktop) throw problem('bad_call');
      return {};
    },
    create_group: ({ title, members }) => {
      const people = everybody.filter((p) => members.includes(p.id));
      const room = new Room(
        `0193e4a0-0000-7000-8000-${String(7000 + this.rooms.size).padStart(12, '0')}`,
        'group',
        title,
        [
          { person: ada, role: 'owner' },
          ...people.map((who) => ({ person: who, role: 'member' as const })),
        ],
      );
      this.rooms.set(room.id, room);
      this.#changed(room, [
        room.happened(this.#options.now(), { what: 'created', by: ada.display_name, title }),
      ]);
      return { conversation: room.id };
    },
    rename_group: ({ conversation, title }) => {
      const room = this.#room(conversation);
      room.title = title;
      return this.#happened(room, { what: 'renamed', by: ada.display_name, title });
    },
    add_members: ({ conversation, users }) => {
      const room = this.#room(conversation);
      const added = everybody.filter((p) => users.includes(p.id));
      room.members.push(...added.map((who) => ({ person: who, role: 'member' as const })));
      return this.#happened(room, {
        what: 'added',
        by: ada.display_name,
        names: added.map((p) => p.display_name),
      });
    },
    remove_member: ({ conversation, user }) => {
      const room = this.#room(conversation);
      const gone = room.members.find((m) => m.person.id === user);
      room.members = room.members.filter((m) => m !== gone);
      return this.#happened(room, {
        what: 'removed',
        by: ada.display_name,
        name: gone?.person.display_name ?? '',
      });
    },
    set_role: ({ conversation, user, role }) => {
      const room = this.#room(conversation);
      for (const member of room.members) {
        if (role === 'owner' && member.role === 'owner') member.role = 'admin';
      }
      const whose = room.members.find((m) => m.person.id === user);
      if (whose) whose.role = role;
      return this.#happened(room, {
        what: 'role_changed',
        by: ada.display_name,
        name: whose?.person.display_name ?? '',
        role,
      });
    },
    leave_group: ({ conversation }) => {
      const room = this.#room(conversation);
      room.left = true;
      room.members = room.members.filter((m) => m.person.id !== ada.id);
      return this.#happened(room, { what: 'left', name: ada.display_name });
    },
    conversation_details: ({ conversation }) => this.#room(conversation).details(),
    message_readers: ({ conversation, seq }) => {
      const { room, body } = this.#messageAt(conversation, seq);
      const rest = room.members.map((m) => m.person).filter((p) => p.id !== body.sender.id);
      if (body.progress === 'sent') return { read: [], delivered: [], waiting: rest };
      return { read: rest.slice(0, 2), delivered: rest.slice(2, 4), waiting: rest.slice(4) };
    },
    search: (args) => search(this.rooms.values(), args, this.coverage),
    find_people: ({ query }) => {
      if (this.account.state.connection === 'offline') throw problem('offline');
      const wanted = query.toLowerCase();
      return {
        people: everybody.filter(
          (p) => p.name.startsWith(wanted) || p.display_name.toLowerCase().includes(wanted),
        ),
      };
    },
  };

  #happened(room: Room, change: Parameters<Room['happened']>[1]): Record<string, never> {
    const row = room.happened(this.#options.now(), change);
    this.#changed(room, [row]);
    this.#tell({ event: 'details', details: room.details() });
    return {};
  }
}
