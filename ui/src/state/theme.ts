// Light or dark: what the settings say, or what the system does.

import type { Appearance } from '../protocol';

export class Theme {
  readonly #page: HTMLElement;
  readonly #dark = window.matchMedia('(prefers-color-scheme: dark)');
  #wished: Appearance = 'system';

  constructor(page: HTMLElement) {
    this.#page = page;
    this.#apply();
  }

  use(wished: Appearance): void {
    this.#wished = wished;
    this.#apply();
  }

  /** Go along with the system from now on. The returned function ends it. */
  follow(): () => void {
    const changed = () => this.#apply();
    this.#dark.addEventListener('change', changed);
    return () => this.#dark.removeEventListener('change', changed);
  }

  #apply(): void {
    const dark = this.#wished === 'system' ? this.#dark.matches : this.#wished === 'dark';
    this.#page.dataset.theme = dark ? 'dark' : 'light';
  }
}
