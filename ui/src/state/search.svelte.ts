// A search through messages, while it is open: what is typed, where, and what was found. Only the
// answer to what stands there now counts.

import { codeOf } from '../backend';
import type { CallCode, Coverage, FoundMessage } from '../protocol';
import type { App } from './app.svelte';

/** How long after the last key press. */
const AFTER = 120;
/** As long as older messages are on their way, the search is repeated without a word. */
const AGAIN = 2000;
/** So many messages are shown at most; who wants more writes more words. */
const MOST = 400;

export class MessageSearch {
  query = $state('');
  /** The conversation to which the search is restricted. */
  only = $state<string | null>(null);
  phase = $state<'nothing' | 'searching' | 'found' | 'failed'>('nothing');
  error = $state<CallCode>('unknown');
  messages = $state.raw<FoundMessage[]>([]);
  coverage = $state.raw<Coverage | null>(null);
  /** Whether there are more messages than are shown, and more can be shown. */
  more = $derived.by(() => this.#next !== null && this.messages.length < MOST);
  /** Whether there are more than will ever be shown. */
  tooMany = $derived.by(() => this.#next !== null && this.messages.length >= MOST);
  /** Counts how often somebody asked for the field, to move the focus there. */
  asked = $state(0);
  #next = $state.raw<string | null>(null);
  readonly #app: App;
  #turn = 0;
  #pages = 0;
  #loading = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #release: (() => void) | null = null;

  constructor(app: App) {
    this.#app = app;
  }

  /** Begin, or restrict to another conversation. */
  ask(only: string | null, query?: string): void {
    this.asked += 1;
    this.only = only;
    this.type(query ?? this.query, 0);
  }

  /** Search everywhere, or in one conversation only. */
  restrict(only: string | null): void {
    this.only = only;
    this.type(this.query, 0);
  }

  /** Something else is typed. */
  type(query: string, after = AFTER): void {
    this.query = query;
    this.#stop();
    // The page is not idle while a search is due.
    this.#release = this.#app.idle.begin();
    const turn = this.#turn;
    this.#timer = setTimeout(() => void this.#search(turn), after);
  }

  /** The search is not open any more. */
  close(): void {
    this.#stop();
  }

  /** The messages that follow those shown. */
  async loadMore(): Promise<void> {
    const before = this.#next;
    if (before === null || !this.more || this.#loading) return;
    const turn = this.#turn;
    this.#loading = true;
    try {
      const page = await this.#app.call('search', this.#args(before));
      if (turn !== this.#turn) return;
      this.messages = [...this.messages, ...page.messages];
      this.#next = page.more;
      this.#pages += 1;
    } catch (error) {
      if (turn === this.#turn) this.#fail(error);
    } finally {
      this.#loading = false;
    }
  }

  #args(before: string | null) {
    return { query: this.query.trim(), conversation: this.only, before };
  }

  #stop(): void {
    this.#turn += 1;
    clearTimeout(this.#timer);
    this.#release?.();
    this.#release = null;
  }

  async #search(turn: number): Promise<void> {
    this.phase = 'searching';
    try {
      const page = await this.#app.backend.call('search', this.#args(null));
      if (turn !== this.#turn) return;
      this.#take(page.messages, page.more, page.coverage);
    } catch (error) {
      if (turn === this.#turn) this.#fail(error);
    } finally {
      if (turn === this.#turn) {
        this.#release?.();
        this.#release = null;
      }
    }
  }

  #fail(error: unknown): void {
    this.phase = 'failed';
    this.error = codeOf(error);
    this.messages = [];
    this.#next = null;
  }

  #take(messages: FoundMessage[], next: string | null, coverage: Coverage): void {
    this.messages = messages;
    this.#next = next;
    this.#pages = 1;
    this.coverage = coverage;
    this.phase = this.query.trim() === '' ? 'nothing' : 'found';
    if (coverage.coming || coverage.indexing) this.#againLater();
  }

  /** More may be found soon. Nobody waits for it, so the page stays idle meanwhile. */
  #againLater(): void {
    const turn = this.#turn;
    this.#timer = setTimeout(async () => {
      const args = this.#args(null);
      const page = await this.#app.backend.call('search', args).catch(() => null);
      if (turn !== this.#turn) return;
      // Whoever has gone on to further pages keeps what is there.
      if (page && this.#pages === 1) this.#take(page.messages, page.more, page.coverage);
      else {
        if (page) this.coverage = page.coverage;
        this.#againLater();
      }
    }, AGAIN);
  }
}
