// What is being written in one conversation. It never shares anything with another conversation:
// an instance belongs to one id for as long as it lives.

import type { Backend } from '../backend';
import { codeOf } from '../backend';
import type { MessageView, Quote, Row, Sent } from '../protocol';

const SAVE_AFTER = 250;
const TYPING_EVERY = 3000;

/** The server's limit for a text. */
export const MOST_BYTES = 64 * 1024;

export interface Editing {
  seq: number | null;
  clientRef: string | null;
  was: string;
}

interface Surroundings {
  /** Somebody should hear that it did not work. */
  failed(code: string): void;
  /** Marks the page busy until the answer. */
  busy(): () => void;
  /** Whether one's own typing is told. */
  typing(): boolean;
}

export class Composer {
  text = $state('');
  reply = $state.raw<Quote | null>(null);
  editing = $state.raw<Editing | null>(null);
  /** Whether the text would be refused for its size. */
  tooLong = $derived(new TextEncoder().encode(this.text).length > MOST_BYTES);
  canSend = $derived(this.text.trim() !== '' && !this.tooLong);

  readonly #id: string;
  readonly #backend: Backend;
  readonly #around: Surroundings;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #release: (() => void) | null = null;
  #typed = Number.NEGATIVE_INFINITY;
  #queue: Promise<unknown> = Promise.resolve();
  #draftBeforeEdit = '';

  constructor(id: string, backend: Backend, around: Surroundings) {
    this.#id = id;
    this.#backend = backend;
    this.#around = around;
  }

  /** Go on with what was being written, unless something is being written already. */
  resume(text: string, reply: Quote | null): void {
    if (this.text !== '' || this.reply || this.editing) return;
    this.text = text;
    this.reply = reply;
  }

  /** The person changed the text. */
  typed(text: string, now: number): void {
    this.text = text;
    if (this.editing) return;
    this.#saveSoon();
    if (text.trim() !== '' && this.#around.typing() && now - this.#typed >= TYPING_EVERY) {
      this.#typed = now;
      this.#backend.call('typing', { conversation: this.#id }).catch(() => {});
    }
  }

  answer(quote: Quote): void {
    this.stopEditing();
    this.reply = quote;
    this.#saveSoon();
  }

  stopAnswering(): void {
    this.reply = null;
    this.#saveSoon();
  }

  edit(row: Row, message: MessageView): void {
    if (!this.editing) this.#draftBeforeEdit = this.text;
    this.editing = {
      seq: row.seq,
      clientRef: row.seq === null ? row.key : null,
      was: message.text,
    };
    this.text = message.text;
  }

  stopEditing(): void {
    if (!this.editing) return;
    this.editing = null;
    this.text = this.#draftBeforeEdit;
    this.#draftBeforeEdit = '';
  }

  /** Send, or save the edit. Calls go one after the other, so that what was first stays first. */
  async submit(): Promise<boolean> {
    if (!this.canSend) return false;
    const editing = this.editing;
    if (editing) {
      const text = this.text;
      this.stopEditing();
      if (text === editing.was) return true;
      return this.#inTurn(() =>
        this.#backend.call('edit_message', {
          conversation: this.#id,
          seq: editing.seq,
          client_ref: editing.clientRef,
          text,
        }),
      );
    }
    const [text, reply] = [this.text, this.reply];
    this.text = '';
    this.reply = null;
    this.#typed = Number.NEGATIVE_INFINITY;
    this.#stopTimer();
    const done = await this.#inTurn(async (): Promise<Sent> => {
      const sent = await this.#backend.call('send_message', {
        conversation: this.#id,
        text,
        reply_to: reply?.seq ?? null,
      });
      // Only now: an app that dies before this still has the text as a draft.
      if (this.text === '') await this.#save();
      return sent;
    });
    if (!done && this.text === '') {
      this.text = text;
      this.reply = reply;
      this.#saveSoon();
    }
    return done;
  }

  /** Save what has not been saved, now: on blur, before another conversation, before the page goes. */
  flush(): void {
    if (this.#timer === undefined) return;
    this.#stopTimer();
    void this.#inTurn(() => this.#save());
  }

  async #inTurn(work: () => Promise<unknown>): Promise<boolean> {
    const release = this.#around.busy();
    const mine = this.#queue.then(work);
    this.#queue = mine.catch(() => {});
    try {
      await mine;
      return true;
    } catch (error) {
      this.#around.failed(codeOf(error));
      return false;
    } finally {
      release();
    }
  }

  #saveSoon(): void {
    this.#release ??= this.#around.busy();
    this.#timer ??= setTimeout(() => this.flush(), SAVE_AFTER);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#release?.();
    this.#release = null;
  }

  async #save(): Promise<void> {
    const text = this.editing ? this.#draftBeforeEdit : this.text;
    await this.#backend.call('save_draft', {
      conversation: this.#id,
      text,
      reply_to: this.reply?.seq ?? null,
    });
  }
}
