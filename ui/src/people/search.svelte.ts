// Searching people while a name is typed: those one knows at once, those of the server when it
// answers. Only the answer to what stands there now counts.

import { codeOf } from '../backend';
import type { CallCode, PersonView } from '../protocol';
import type { App } from '../state/app.svelte';

const AFTER = 200;

/** Whether a person's names contain what was typed; case and accents do not matter. */
export function matches(text: string, query: string): boolean {
  const plain = (s: string) => s.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return plain(text).includes(plain(query.trim()));
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
    return all.filter((p) => matches(`${p.display_name} ${p.name}`, this.query)).slice(0, 8);
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
