// The window of rows of one conversation, as pure functions: what came is merged by key and put in
// order, and the window is kept small. `seq` is the only order; what has none yet stands at the tail.

import type { Row } from '../protocol';

export interface RowWindow {
  rows: Row[];
  moreBefore: boolean;
  moreAfter: boolean;
}

/** So many rows stay when a page was loaded: under 300 nodes are ever alive. */
export const KEPT = 200;
/** Rows that came live may grow the window to this before it is cut. */
export const GROWN = 260;

/** Where a row stands: its seq, that of a gap, or the tail. */
export function place(row: Row): number {
  if (row.seq !== null) return row.seq;
  if (row.body.type === 'gap') {
    const n = Number(row.key.slice(4));
    if (Number.isFinite(n)) return n;
  }
  return Number.POSITIVE_INFINITY;
}

function inOrder(a: Row, b: Row): number {
  const [x, y] = [place(a), place(b)];
  if (x !== y) return x - y;
  if (x !== Number.POSITIVE_INFINITY) return 0;
  // Both wait: refs are UUIDv7, which sort by when they were made.
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

export const firstSeq = (rows: Row[]): number | null =>
  rows.find((r) => r.seq !== null)?.seq ?? null;
export const lastSeq = (rows: Row[]): number | null =>
  rows.findLast((r) => r.seq !== null)?.seq ?? null;

/** Replace rows with a known key, and add those that `admit` lets in; same objects where nothing changed. */
function merged(
  rows: Row[],
  incoming: Row[],
  removed: string[],
  admit: (row: Row) => boolean,
): Row[] {
  const byKey = new Map(rows.map((row) => [row.key, row]));
  for (const key of removed) byKey.delete(key);
  for (const row of incoming) if (byKey.has(row.key) || admit(row)) byKey.set(row.key, row);
  return [...byKey.values()].sort(inOrder);
}

/** Live changes: new rows enter where the window already has what is around them. */
export function withChanges(window: RowWindow, incoming: Row[], removed: string[]): RowWindow {
  const [first, last] = [firstSeq(window.rows), lastSeq(window.rows)];
  const admit = (row: Row): boolean => {
    const at = place(row);
    if (first !== null && at < first) return !window.moreBefore;
    if (last === null || at > last) return !window.moreAfter;
    return true;
  };
  return { ...window, rows: merged(window.rows, incoming, removed, admit) };
}

/** A page that was loaded before the window. */
export function withOlder(window: RowWindow, page: Row[], more: boolean): RowWindow {
  return { ...window, rows: merged(window.rows, page, [], () => true), moreBefore: more };
}

/** A page that was loaded after the window. */
export function withNewer(window: RowWindow, page: Row[], more: boolean): RowWindow {
  return { ...window, rows: merged(window.rows, page, [], () => true), moreAfter: more };
}

/** Keep the oldest rows, for somebody who reads upwards. What waits to be sent leaves first. */
export function cutNewest(window: RowWindow, kept = KEPT): RowWindow {
  if (window.rows.length <= kept) return window;
  return { ...window, rows: window.rows.slice(0, kept), moreAfter: true };
}

/** Keep the newest rows, for somebody who reads downwards or stands at the end. */
export function cutOldest(window: RowWindow, kept = KEPT): RowWindow {
  if (window.rows.length <= kept) return window;
  return { ...window, rows: window.rows.slice(-kept), moreBefore: true };
}
