// How rows stand to one another: where a day begins, who is named, which bubbles belong together.
// Pure, so that the rules can be read and tested in one place.

import type { Row } from '../protocol';
import { dayOf } from '../words/time';

/** Messages of one sender within this many milliseconds stand together. */
const TOGETHER = 5 * 60_000;

export interface Standing {
  /** A new day begins here. */
  day: boolean;
  /** The line "new messages" stands before it. */
  firstUnread: boolean;
  /** It is the first of a group: the sender's name and picture are shown. */
  opens: boolean;
  /** It is the last of a group. */
  closes: boolean;
}

function together(a: Row | undefined, b: Row | undefined): boolean {
  if (a?.body.type !== 'message' || b?.body.type !== 'message') return false;
  return (
    a.body.sender.id === b.body.sender.id &&
    Math.abs(b.at - a.at) < TOGETHER &&
    dayOf(a.at) === dayOf(b.at)
  );
}

/** How each row stands, in the rows' order. */
export function standings(rows: Row[], firstUnread: number | null): Standing[] {
  let marked = firstUnread === null;
  let today: number | null = null;
  const out: Standing[] = rows.map((row, i) => {
    const before = rows[i - 1];
    // A gap has no time; what stands after it is compared with what stands before it.
    const day = row.body.type !== 'gap' && dayOf(row.at) !== today;
    if (row.body.type !== 'gap') today = dayOf(row.at);
    const unread = !marked && row.seq !== null && row.seq >= (firstUnread ?? 0);
    if (unread) marked = true;
    return {
      day,
      firstUnread: unread,
      opens: unread || !together(before, row),
      closes: true,
    };
  });
  for (let i = 0; i < out.length; i++) {
    const [standing, next] = [out[i], out[i + 1]];
    if (standing) standing.closes = next ? next.opens : true;
  }
  return out;
}
