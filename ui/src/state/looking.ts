// What somebody has before their eyes: whether it is this window, and which conversation in it.

import type { Backend } from '../backend';

/** Whether somebody has this window before their eyes. */
export function isLooking(): boolean {
  return document.visibilityState === 'visible' && document.hasFocus();
}

/** Tells the client, so that nothing is notified that is being read. */
export class Looking {
  readonly #backend: Backend;
  #told = '';

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** What it is now; told only when it is something else than before. */
  tell(focused: boolean, shown: string | null): void {
    const conversation = focused ? shown : null;
    const now = `${focused} ${conversation}`;
    if (now === this.#told) return;
    this.#told = now;
    this.#backend.call('looks_at', { focused, conversation }).catch(() => {
      this.#told = '';
    });
  }

  /** Ask for `look` whenever the window comes or goes. The returned function ends it. */
  watch(look: () => void): () => void {
    look();
    for (const event of ['focus', 'blur']) window.addEventListener(event, look);
    document.addEventListener('visibilitychange', look);
    return () => {
      for (const event of ['focus', 'blur']) window.removeEventListener(event, look);
      document.removeEventListener('visibilitychange', look);
    };
  }
}
