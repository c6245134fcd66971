// A list of options under a field that one types into. The focus stays in the field: arrows choose,
// Enter takes. The field gets `{...options.field}`, each option is an `Option.svelte`.

import { tick } from 'svelte';

export interface Choices {
  /** For the ids of the list and its options; unique in the page. */
  id: string;
  count: () => number;
  take: (at: number) => void;
  /** Gets more before the end is reached. With it the list has ends; without, its ends meet. */
  more?: () => Promise<void>;
}

const STEPS: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 6, PageUp: -6 };

export class Options {
  /** The option that Enter takes. */
  active = $state(0);
  readonly take: (at: number) => void;
  readonly #id: string;
  readonly #count: () => number;
  readonly #more: (() => Promise<void>) | undefined;
  #composing = false;

  constructor({ id, count, take, more }: Choices) {
    this.#id = id;
    this.#count = count;
    this.take = take;
    this.#more = more;
  }

  get listId(): string {
    return `${this.#id}-list`;
  }

  optionId(at: number): string {
    return `${this.#id}-${at}`;
  }

  /** What makes an input the field of this list. */
  get field() {
    const some = this.#count() > 0;
    return {
      role: 'combobox',
      'aria-expanded': some,
      'aria-controls': this.listId,
      'aria-autocomplete': 'list',
      'aria-activedescendant': some ? this.optionId(this.active) : undefined,
      autocomplete: 'off',
      spellcheck: false,
      dir: 'auto',
      oncompositionstart: () => {
        this.#composing = true;
      },
      oncompositionend: () => {
        this.#composing = false;
      },
      onkeydown: (event: KeyboardEvent): void => void this.keydown(event),
    } as const;
  }

  /** Tells whether the key was meant for the list or for an input method; nobody else heeds it then. */
  keydown(event: KeyboardEvent): boolean {
    // 229 is what a key of an input method looks like where `isComposing` is already over.
    if (this.#composing || event.isComposing || event.keyCode === 229) {
      event.stopPropagation();
      return true;
    }
    if (event.altKey || event.ctrlKey || event.metaKey) return false;
    const step = STEPS[event.key];
    if (step && this.#count() > 0) void this.#move(step);
    else if (event.key !== 'Enter') return false;
    else if (this.#count() > 0) this.take(this.active);
    event.preventDefault();
    return true;
  }

  async #move(step: number): Promise<void> {
    const to = this.active + step;
    if (this.#more) {
      if (to >= this.#count() - 1) await this.#more();
      this.active = Math.max(0, Math.min(this.#count() - 1, to));
    } else {
      const count = this.#count();
      this.active = ((to % count) + count) % count;
    }
    await tick();
    document.getElementById(this.optionId(this.active))?.scrollIntoView({ block: 'nearest' });
  }
}
