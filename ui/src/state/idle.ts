// `<html data-idle>` tells a test that nothing is on its way: no call of the UI waits for an answer,
// the client says that its outbox and queues are empty, and what changed has been painted.

import { tick } from 'svelte';

export class IdleMark {
  #client = false;
  #waiting = 0;
  #turn = 0;
  readonly #page: HTMLElement;

  constructor(page: HTMLElement) {
    this.#page = page;
  }

  /** What the client said last. */
  client(idle: boolean): void {
    this.#client = idle;
    this.changed();
  }

  /** Something begins that has to end before the page is idle; the answer ends it. */
  begin(): () => void {
    this.#waiting += 1;
    this.changed();
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.#waiting -= 1;
      this.changed();
    };
  }

  /** Something was changed that has to be painted. */
  changed(): void {
    this.#turn += 1;
    if (this.#client && this.#waiting === 0) void this.#settle(this.#turn);
    else delete this.#page.dataset.idle;
  }

  async #settle(turn: number): Promise<void> {
    await tick();
    await painted();
    if (turn === this.#turn) this.#page.dataset.idle = 'true';
  }
}

/** After the next frame; a hidden page paints none, so a timer stands in for it. */
export function painted(): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, 100);
    requestAnimationFrame(() => {
      clearTimeout(timer);
      setTimeout(done, 0);
    });
  });
}
