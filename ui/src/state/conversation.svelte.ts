// The conversation on screen: its window of rows, where to look first, its details, and what is
// being written. One instance per time it is opened; a newer one makes the older deaf.

import { type Backend, codeOf } from '../backend';
import type { CallCode, ConversationDetails, PersonView, Quote, Row, Timeline } from '../protocol';
import { Composer } from './composer.svelte';
import { plainText } from './plain';
import * as rows from './rows';

/** Where the timeline has to go once it shows what is there. */
export type Target = { to: 'end' } | { to: 'unread' } | { to: 'seq'; seq: number };

export interface Around {
  failed(code: string): void;
  busy(): () => void;
  typing(): boolean;
}

export class OpenConversation {
  readonly id: string;
  readonly composer: Composer;
  phase = $state<'loading' | 'ready' | 'failed'>('loading');
  error = $state<CallCode>('unknown');
  window = $state.raw<rows.RowWindow>({ rows: [], moreBefore: false, moreAfter: false });
  firstUnread = $state<number | null>(null);
  head = $state(0);
  typing = $state.raw<string[]>([]);
  details = $state.raw<ConversationDetails | null>(null);
  detailsError = $state<CallCode | null>(null);
  /** Taken by the timeline as soon as the rows stand. */
  target = $state.raw<Target | null>(null);
  /** Where one stands: the seq of the first row on screen; null at the end. The timeline keeps it. */
  reading: number | null = null;
  /** The seq that somebody jumped to, to be lit up for a moment. */
  lit = $state<number | null>(null);
  loading = $state<'before' | 'after' | null>(null);
  /** The side on which a page could not be loaded; nothing asks by itself until somebody does. */
  stuck = $state<'before' | 'after' | null>(null);
  /** Whom one writes to, while the list does not have the conversation yet. */
  person = $state.raw<PersonView | null>(null);

  readonly #backend: Backend;
  readonly #around: Around;
  #early: { rows: Row[]; removed: string[]; head: number }[] | null = null;
  #token = 0;
  #marked = 0;
  #markTimer: ReturnType<typeof setTimeout> | undefined;
  #markUpTo = 0;
  #markRelease: (() => void) | null = null;

  constructor(id: string, backend: Backend, around: Around) {
    this.id = id;
    this.#backend = backend;
    this.#around = around;
    this.composer = new Composer(id, backend, around);
  }

  /** Read it anew where one stands. What one reads stays where it is, unless that is the end. */
  reload(): Promise<void> {
    return this.reading === null ? this.open(null, { to: 'end' }) : this.open(this.reading, null);
  }

  /**
   * Show it around `at`, or at the first unread message, else at the end. A `target` of null leaves
   * the timeline to keep its place.
   */
  async open(at: number | null, target?: Target | null): Promise<void> {
    const token = ++this.#token;
    this.#early = [];
    if (this.window.rows.length === 0) this.phase = 'loading';
    const release = this.#around.busy();
    try {
      const timeline = await this.#backend.call('open_conversation', { conversation: this.id, at });
      if (token !== this.#token) return;
      const wanted: Target = at === null ? { to: 'unread' } : { to: 'seq', seq: at };
      this.#take(timeline, target === undefined ? wanted : target);
    } catch (error) {
      if (token !== this.#token) return;
      this.error = codeOf(error);
      if (this.phase === 'loading') this.phase = 'failed';
      else this.#around.failed(this.error);
    } finally {
      if (token === this.#token) this.#early = null;
      release();
    }
  }

  async loadDetails(): Promise<void> {
    this.detailsError = null;
    try {
      this.details = await this.#backend.call('conversation_details', { conversation: this.id });
    } catch (error) {
      this.detailsError = codeOf(error);
    }
  }

  /** It goes off the screen. */
  close(): void {
    this.#token += 1;
    this.composer.flush();
    this.#markNow();
    this.#backend.call('close_conversation', { conversation: this.id }).catch(() => {});
  }

  #take(timeline: Timeline, target: Target | null): void {
    if (this.phase !== 'ready') this.firstUnread = timeline.first_unread;
    this.window = {
      rows: timeline.rows,
      moreBefore: timeline.more_before,
      moreAfter: timeline.more_after,
    };
    this.head = timeline.head;
    this.#marked = Math.max(
      this.#marked,
      timeline.first_unread === null ? timeline.head : timeline.first_unread - 1,
    );
    if (timeline.draft) this.composer.resume(timeline.draft.text, timeline.draft.reply);
    for (const early of this.#early ?? []) this.#apply(early.rows, early.removed, early.head);
    this.target = target;
    this.phase = 'ready';
  }

  /** Rows that came, changed or went. `atEnd`: the person stands at the end and goes along. */
  change(changed: Row[], removed: string[], head: number, atEnd: boolean, looking: boolean): void {
    if (this.#early) {
      this.#early.push({ rows: changed, removed, head });
      return;
    }
    const last = rows.lastSeq(this.window.rows) ?? 0;
    if (changed.some((row) => this.#isAnswer(row, last))) this.firstUnread = null;
    this.#apply(changed, removed, head);
    if (!looking) this.#markFirstUnseen(changed, last);
    if (this.window.rows.length > rows.GROWN) {
      this.window = atEnd ? rows.cutOldest(this.window) : rows.cutNewest(this.window);
    }
  }

  /** A new message of one's own: whoever writes has seen what came before. */
  #isAnswer(row: Row, last: number): boolean {
    const isNew = row.seq === null || row.seq > last;
    return (
      isNew &&
      row.body.type === 'message' &&
      row.body.mine &&
      !this.window.rows.some((known) => known.key === row.key)
    );
  }

  /** The line "new messages" for somebody who comes back to a window that stayed open. */
  #markFirstUnseen(changed: Row[], last: number): void {
    if (this.firstUnread !== null && this.firstUnread > this.#marked) return;
    const first = changed.find(
      (row) => row.seq !== null && row.seq > last && row.body.type === 'message' && !row.body.mine,
    );
    if (first?.seq != null) this.firstUnread = first.seq;
  }

  #apply(changed: Row[], removed: string[], head: number): void {
    this.window = rows.withChanges(this.window, changed, removed);
    this.head = Math.max(this.head, head);
  }

  async loadOlder(): Promise<void> {
    const first = rows.firstSeq(this.window.rows);
    if (!this.window.moreBefore || this.loading || first === null) return;
    await this.#load('before', { before: first, after: null }, (page) =>
      rows.cutNewest(rows.withOlder(this.window, page.rows, page.more_before)),
    );
  }

  async loadNewer(): Promise<void> {
    const last = rows.lastSeq(this.window.rows);
    if (!this.window.moreAfter || this.loading || last === null) return;
    await this.#load('after', { before: null, after: last }, (page) =>
      rows.cutOldest(rows.withNewer(this.window, page.rows, page.more_after)),
    );
  }

  /** Ask for what a gap hides, since somebody looks at it. */
  async fillGap(gap: Row): Promise<void> {
    const next = this.window.rows.find(
      (row) => row.seq !== null && rows.place(row) > rows.place(gap),
    );
    if (!next?.seq || this.loading) return;
    await this.#load('before', { before: next.seq, after: null }, (page) =>
      rows.withChanges(this.window, page.rows, []),
    );
  }

  async #load(
    side: 'before' | 'after',
    bounds: { before: number | null; after: number | null },
    take: (page: Timeline) => rows.RowWindow,
  ): Promise<void> {
    const token = this.#token;
    this.loading = side;
    this.stuck = null;
    const release = this.#around.busy();
    try {
      const page = await this.#backend.call('load_rows', { conversation: this.id, ...bounds });
      if (token !== this.#token) return;
      this.window = take(page);
      this.head = Math.max(this.head, page.head);
    } catch (error) {
      if (token === this.#token) {
        this.stuck = side;
        this.#around.failed(codeOf(error));
      }
    } finally {
      this.loading = null;
      release();
    }
  }

  /** Go to a message: in the window if it is there, else the window goes to it. */
  jump(seq: number): void {
    this.lit = seq;
    if (this.window.rows.some((row) => row.seq === seq)) this.target = { to: 'seq', seq };
    else void this.open(seq, { to: 'seq', seq });
  }

  /** Go to the newest message. */
  toEnd(): void {
    if (this.window.moreAfter) void this.open(this.head, { to: 'end' });
    else this.target = { to: 'end' };
  }

  /** Everything up to here has been on the screen of somebody who was looking. */
  seen(seq: number): void {
    if (seq <= this.#marked || seq <= this.#markUpTo) return;
    this.#markUpTo = seq;
    this.#markRelease ??= this.#around.busy();
    this.#markTimer ??= setTimeout(() => this.#markNow(), 250);
  }

  #markNow(): void {
    clearTimeout(this.#markTimer);
    this.#markTimer = undefined;
    this.#markRelease?.();
    this.#markRelease = null;
    const seq = this.#markUpTo;
    if (seq <= this.#marked) return;
    this.#marked = seq;
    const release = this.#around.busy();
    this.#backend
      .call('mark_read', { conversation: this.id, seq })
      .catch(() => {
        // It stays unmarked, and the next look tries again.
        this.#marked = Math.min(this.#marked, seq - 1);
        this.#markUpTo = 0;
      })
      .finally(release);
  }

  /** One's own last message that can be edited, for ArrowUp. */
  lastOwn(): Row | null {
    return (
      this.window.rows.findLast(
        (row) =>
          row.body.type === 'message' &&
          row.body.mine &&
          !row.body.deleted &&
          (row.seq !== null || row.body.queued),
      ) ?? null
    );
  }

  /** The quote of a row, for an answer to it. */
  static quote(row: Row): Quote | null {
    if (row.seq === null || row.body.type !== 'message') return null;
    const { sender, blocks, deleted } = row.body;
    return {
      seq: row.seq,
      sender: sender.display_name || sender.name,
      text: plainText(blocks).slice(0, 160),
      deleted,
    };
  }
}
