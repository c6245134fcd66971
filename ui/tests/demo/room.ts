// One conversation of the demo, with all its rows in memory.

import type {
  ChangeView,
  ConversationDetails,
  ConversationItem,
  DraftView,
  MessageView,
  PersonView,
  Progress,
  Quote,
  Role,
  Row,
  Timeline,
} from '../../src/protocol';
import { plainText } from '../../src/state/plain';
import { ada, blocksOf } from './people';
import { pinned } from './search';

export const PAGE = 60;

export interface Member {
  person: PersonView;
  role: Role;
}

type Say = Partial<MessageView> & { replyTo?: number };

export class Room {
  readonly id: string;
  readonly kind: 'direct' | 'group';
  title: string;
  members: Member[];
  rows: Row[] = [];
  /** The last seq that one has read. */
  read = 0;
  draft: DraftView | null = null;
  typing: string[] = [];
  left = false;
  mutedUntil: number | null = null;
  #refs = 0;

  constructor(id: string, kind: 'direct' | 'group', title: string, members: Member[]) {
    this.id = id;
    this.kind = kind;
    this.title = title;
    this.members = members;
  }

  get head(): number {
    return this.rows.findLast((row) => row.seq !== null)?.seq ?? 0;
  }

  get peer(): PersonView | null {
    if (this.kind === 'group') return null;
    return this.members.find((m) => m.person.id !== ada.id)?.person ?? null;
  }

  ref(): string {
    this.#refs += 1;
    return `0193e4a0-${this.id.slice(-4)}-7000-8000-${String(this.#refs).padStart(12, '0')}`;
  }

  /** A message that is stored already. */
  say(sender: PersonView, at: number, text: string, more: Say = {}): Row {
    const { replyTo, ...rest } = more;
    const row: Row = {
      key: this.ref(),
      seq: this.head + 1,
      at,
      body: {
        type: 'message',
        ...message(sender, text),
        reply: replyTo ? this.quote(replyTo) : null,
        ...rest,
      },
    };
    if (sender.id === ada.id && row.body.type === 'message') row.body.progress ??= 'read';
    this.rows.push(row);
    return row;
  }

  happened(at: number, change: ChangeView): Row {
    const row: Row = { key: this.ref(), seq: this.head + 1, at, body: { type: 'change', change } };
    this.rows.push(row);
    return row;
  }

  quote(seq: number): Quote | null {
    const row = this.find(seq);
    if (row?.body.type !== 'message') return { seq, sender: '', text: '', deleted: false };
    const { sender, blocks, deleted } = row.body;
    return { seq, sender: sender.display_name, text: plainText(blocks), deleted };
  }

  find(seq: number): Row | undefined {
    return this.rows.find((row) => row.seq === seq);
  }

  get unread(): number {
    return this.rows.filter(
      (row) =>
        row.seq !== null && row.seq > this.read && row.body.type === 'message' && !row.body.mine,
    ).length;
  }

  item(): ConversationItem {
    const last = this.rows.at(-1);
    const body = last?.body;
    const mine = body?.type === 'message' && body.mine;
    return {
      id: this.id,
      kind: this.kind,
      title: this.peer?.display_name ?? this.title,
      peer: this.peer,
      preview:
        body?.type === 'message'
          ? plainText(body.blocks)
          : body?.type === 'change' && body.change.what === 'created'
            ? body.change.title
            : '',
      preview_sender:
        this.kind === 'group' && body?.type === 'message' && !mine
          ? (body.sender.display_name.split(' ')[0] ?? '')
          : null,
      progress: mine && body?.type === 'message' ? body.progress : null,
      draft: this.draft && this.draft.text !== '' ? this.draft.text : null,
      at: last?.at ?? 0,
      unread: Math.min(1000, this.unread),
      member: !this.left,
      muted_until: this.mutedUntil,
      typing: this.typing,
    };
  }

  details(): ConversationDetails {
    const me = this.members.find((m) => m.person.id === ada.id);
    return {
      id: this.id,
      kind: this.kind,
      title: this.peer?.display_name ?? this.title,
      role: me?.role ?? 'member',
      member: !this.left,
      member_count: this.members.length,
      members: [...this.members],
      pinned: pinned(this),
    };
  }

  /** The window around a seq, or at the first unread, else at the end. */
  open(at: number | null): Timeline {
    const first = this.rows.find(
      (row) =>
        row.seq !== null && row.seq > this.read && row.body.type === 'message' && !row.body.mine,
    );
    const seq = at ?? first?.seq ?? this.head;
    const middle = Math.max(
      0,
      this.rows.findIndex((row) => row.seq === null || row.seq >= seq),
    );
    const from = Math.max(0, middle - PAGE / 2);
    return this.part(from, Math.min(this.rows.length, middle + PAGE), first?.seq ?? null);
  }

  before(seq: number): Timeline {
    const end = this.rows.findIndex((row) => row.seq === null || row.seq >= seq);
    return this.part(Math.max(0, end - PAGE), end, null);
  }

  after(seq: number): Timeline {
    const from = this.rows.findIndex((row) => row.seq === null || row.seq > seq);
    if (from === -1) return this.part(this.rows.length, this.rows.length, null);
    return this.part(from, Math.min(this.rows.length, from + PAGE), null);
  }

  private part(from: number, to: number, firstUnread: number | null): Timeline {
    return {
      conversation: this.id,
      rows: this.rows.slice(from, to).map((row) => structuredClone(row)),
      more_before: from > 0,
      more_after: to < this.rows.length,
      first_unread: firstUnread,
      head: this.head,
      draft: this.draft,
    };
  }
}

export function message(
  sender: PersonView,
  text: string,
  progress: Progress | null = null,
): MessageView {
  return {
    sender,
    mine: sender.id === ada.id,
    text,
    blocks: blocksOf(text),
    edited: false,
    deleted: false,
    pinned: false,
    reply: null,
    reactions: [],
    progress,
    error: null,
    queued: false,
  };
}
