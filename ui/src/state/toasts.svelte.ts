// Short words at the edge of the window: what was refused, what was done.

export interface Toast {
  id: number;
  text: string;
  bad: boolean;
}

const SHOWN_FOR = 6000;
const MOST = 3;

export class Toasts {
  shown = $state.raw<Toast[]>([]);
  #next = 1;

  /** Say that something was done. */
  say(text: string): void {
    this.#show(text, false);
  }

  /** Say that something did not work. */
  complain(text: string): void {
    this.#show(text, true);
  }

  dismiss(id: number): void {
    this.shown = this.shown.filter((toast) => toast.id !== id);
  }

  #show(text: string, bad: boolean): void {
    const id = this.#next++;
    const others = this.shown.filter((toast) => toast.text !== text);
    this.shown = [...others, { id, text, bad }].slice(-MOST);
    setTimeout(() => this.dismiss(id), SHOWN_FOR);
  }
}
