// Where a scroller stands, kept to the pixel while what is in it changes. Engines without scroll
// anchoring need this, and it makes all of them behave alike.

/** Nearer to the end than this counts as standing there. */
const AT_END = 24;

export interface Anchor {
  key: string;
  top: number;
}

/**
 * Where what one reads of a row begins: its bubble. The day, the name and the space above it come and
 * go with what stands before, and must not count.
 */
function topOf(row: HTMLElement): number {
  return (row.querySelector('.bubble') ?? row.lastElementChild ?? row).getBoundingClientRect().top;
}

export class Place {
  readonly #scroller: HTMLElement;
  readonly #list: HTMLElement;
  #anchor: Anchor | null = null;
  /** Whether it stands at the end and goes along with it. */
  #stick = false;

  constructor(scroller: HTMLElement, list: HTMLElement) {
    this.#scroller = scroller;
    this.#list = list;
  }

  /** Remember which row stands where. `whole`: the last row in the list is the last there is. */
  capture(whole: boolean): void {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#stick = whole && scrollHeight - scrollTop - clientHeight <= AT_END;
    const edge = this.#scroller.getBoundingClientRect().top;
    const row = this.#firstBelow(edge);
    this.#anchor = row ? { key: row.dataset.key ?? '', top: topOf(row) - edge } : null;
  }

  /** Put the remembered row back to where it stood, or stay at the end. */
  restore(): void {
    if (this.#stick) {
      this.#scroller.scrollTop = this.#scroller.scrollHeight;
      return;
    }
    const anchor = this.#anchor;
    if (!anchor) return;
    const row = this.row(anchor.key);
    if (!row) return;
    const edge = this.#scroller.getBoundingClientRect().top;
    const moved = topOf(row) - edge - anchor.top;
    if (Math.abs(moved) > 0.01) this.#scroller.scrollTop += moved;
  }

  /** The seq of the row whose place is kept; of the next one that has a seq, where it has none. */
  reading(): number | null {
    let row = this.#anchor && this.row(this.#anchor.key);
    while (row && row.dataset.seq === undefined) row = row.nextElementSibling as HTMLElement | null;
    return row ? Number(row.dataset.seq) : null;
  }

  /** The element of a row. */
  row(key: string): HTMLElement | null {
    return this.#list.querySelector<HTMLElement>(`:scope > [data-key="${CSS.escape(key)}"]`);
  }

  toEnd(whole: boolean): void {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.capture(whole);
  }

  /** Put a row at a share of the height from the top; 0.5 centres it. */
  toRow(row: HTMLElement, share: number, whole: boolean): void {
    const room = this.#scroller.clientHeight;
    const edge = this.#scroller.getBoundingClientRect().top;
    const box = row.getBoundingClientRect();
    const wanted = share === 0.5 ? Math.max(16, (room - box.height) / 2) : room * share;
    this.#scroller.scrollTop += box.top - edge - wanted;
    this.capture(whole);
  }

  /** The last row of which enough has been on screen to have been read. */
  lastSeen(): HTMLElement | null {
    const bottom = this.#scroller.getBoundingClientRect().bottom;
    const rows = this.#list.children;
    for (let i = rows.length - 1; i >= 0; i--) {
      const row = rows[i] as HTMLElement;
      const box = row.getBoundingClientRect();
      if (box.bottom <= bottom + 8 || box.top <= bottom - this.#scroller.clientHeight * 0.6)
        return row;
    }
    return null;
  }

  /** The first row that begins at or under a line, found by halving; else the last one. */
  #firstBelow(line: number): HTMLElement | null {
    const rows = this.#list.children;
    let [low, high] = [0, rows.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((rows[middle] as HTMLElement).getBoundingClientRect().top >= line) high = middle;
      else low = middle + 1;
    }
    return (rows[low] as HTMLElement | undefined) ?? null;
  }
}
