// The list of conversations as the client sorts it, and who in it is there.

import { SvelteMap } from 'svelte/reactivity';
import { type Backend, codeOf } from '../backend';
import type { CallCode, ConversationItem, ConversationList, PersonView } from '../protocol';

export type Filter = 'all' | 'unread' | 'groups';

interface Change {
  changed: ConversationItem[];
  order: string[] | null;
  unread: number;
  complete: boolean;
}

export class Conversations {
  /** Rows by id. Only the row that changed is drawn again. */
  readonly byId = new SvelteMap<string, ConversationItem>();
  order = $state.raw<string[]>([]);
  unread = $state(0);
  complete = $state(false);
  phase = $state<'loading' | 'ready' | 'failed'>('loading');
  error = $state<CallCode>('unknown');
  filter = $state<Filter>('all');

  readonly #backend: Backend;
  #waiting: Change[] | null = null;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** The ids that the filter lets through, in order. `kept` stays even if it was just read. */
  visible(kept: string | null): string[] {
    if (this.filter === 'all') return this.order;
    return this.order.filter((id) => {
      const item = this.byId.get(id);
      if (!item) return false;
      if (this.filter === 'groups') return item.kind === 'group';
      return item.unread > 0 || id === kept;
    });
  }

  /** Everybody that one has a direct conversation with, most recent first. */
  knownPeople(): PersonView[] {
    return this.order.flatMap((id) => this.byId.get(id)?.peer ?? []);
  }

  async load(): Promise<void> {
    this.phase = this.order.length > 0 ? 'ready' : 'loading';
    this.#waiting = [];
    try {
      const list = await this.#backend.call('list_conversations', {});
      this.#take(list);
      for (const change of this.#waiting ?? []) this.#apply(change);
      this.phase = 'ready';
    } catch (error) {
      this.error = codeOf(error);
      this.phase = 'failed';
    } finally {
      this.#waiting = null;
    }
  }

  /** What a notification says. While the list is being read it waits, so that nothing older wins. */
  change(change: Change): void {
    if (this.#waiting) this.#waiting.push(change);
    else this.#apply(change);
  }

  /** Nobody is signed in any more. */
  clear(): void {
    this.byId.clear();
    this.order = [];
    this.unread = 0;
    this.complete = false;
    this.phase = 'loading';
    this.filter = 'all';
  }

  #take(list: ConversationList): void {
    const ids = list.conversations.map((item) => item.id);
    const known = new Set(ids);
    for (const id of [...this.byId.keys()]) if (!known.has(id)) this.byId.delete(id);
    for (const item of list.conversations) this.byId.set(item.id, item);
    this.order = ids;
    this.unread = list.unread;
    this.complete = list.complete;
  }

  #apply(change: Change): void {
    for (const item of change.changed) this.byId.set(item.id, item);
    if (change.order) {
      const known = new Set(change.order);
      for (const id of [...this.byId.keys()]) if (!known.has(id)) this.byId.delete(id);
      this.order = change.order.filter((id) => this.byId.has(id));
    }
    this.unread = change.unread;
    this.complete = change.complete;
  }
}
