// Searching people while a name is typed: those one knows at once, those of the server when it
// answers. Only the answer to what stands there now counts.

import { codeOf } from '../backend';
import type { CallCode, PersonView } from '../protocol';
import type { App } from '../state/app.svelte';

const AFTER = 200;

const plain = (s: string): string => s.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

/**
 * How well a text fits what was typed: 2 when a word of it begins so, 1 when it is somewhere inside,
 * 0 when it is not there. Case and accents do not matter.
 */
export function closeness(text: string, query: string): 0 | 1 | 2 {
  const [all, wanted] = [plain(text), plain(query.trim())];
  if (wanted === '' || all.startsWith(wanted)) return 2;
  const at = all.indexOf(wanted);
  if (at === -1) return 0;
  const word = /[\p{L}\p{N}]/u;
  for (let i = at; i !== -1; i = all.indexOf(wanted, i + 1)) {
    if (!word.test(all[i - 1] ?? '')) return 2;
  }
  return 1;
}

/** Those that fit, best first, otherwise in the order in which they came. */
export function fitting<T>(all: Iterable<T>, query: string, text: (one: T) => string): T[] {
  const [best, good]: [T[], T[]] = [[], []];
  for (const one of all) {
    const how = closeness(text(one), query);
    if (how === 2) best.push(one);
    else if (how === 1) good.push(one);
  }
  return [...best, ...good];
}

export class PeopleSearch {
  query = $state('');
  busy = $state(false);
  error = $state.raw<CallCode | null>(null);
  #found = $state.raw<PersonView[]>([]);
  readonly #app: App;
  #turn = 0;

  /** People one has a direct conversation with, who match. */
  known = $derived.by(() => {
    const all = this.#app.conversations.knownPeople();
    if (this.query.trim() === '') return all.slice(0, 30);
    return fitting(all, this.query, (p) => `${p.display_name} ${p.name}`).slice(0, 8);
  });
  /** People of the server, without those above. */
  others = $derived.by(() => {
    const known = new Set(this.known.map((person) => person.id));
    return this.#found.filter((person) => !known.has(person.id));
  });

  constructor(app: App) {
    this.#app = app;
  }

  /** Inside a component: searches whenever the query changes. */
  watch(): void {
    $effect(() => {
      const query = this.query.trim();
      const turn = ++this.#turn;
      this.error = null;
      if (query === '') {
        this.#found = [];
        this.busy = false;
        return;
      }
      this.busy = true;
      const timer = setTimeout(() => void this.#search(query, turn), AFTER);
      return () => clearTimeout(timer);
    });
  }

  async #search(query: string, turn: number): Promise<void> {
    try {
      const { people } = await this.#app.call('find_people', { query });
      if (turn === this.#turn) this.#found = people;
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#found = [];
      this.error = codeOf(error);
    } finally {
      if (turn === this.#turn) this.busy = false;
    }
  }
}
