// How rows stand to one another: runs of one sender, days, the first unread one.

import { describe, expect, it } from 'vitest';
import { standings } from '../../src/state/groups';
import { gap, stored } from './made';

const noon = new Date(2024, 10, 7, 12).getTime();
const minutes = (n: number): number => noon + n * 60_000;

describe('how rows stand to one another', () => {
  it('puts messages of one sender within five minutes together', () => {
    const rows = [
      stored(1, { at: minutes(0) }),
      stored(2, { at: minutes(1) }),
      stored(3, { at: minutes(7) }),
      stored(4, { at: minutes(8), mine: true }),
    ];
    const all = standings(rows, null);
    expect(all.map((s) => s.opens)).toEqual([true, false, true, true]);
    expect(all.map((s) => s.closes)).toEqual([false, true, true, true]);
  });

  it('begins a day where the local day changes, and at the first row', () => {
    const midnight = new Date(2024, 10, 8).getTime();
    const rows = [stored(1, { at: midnight - 60_000 }), stored(2, { at: midnight + 60_000 })];
    expect(standings(rows, null).map((s) => [s.day, s.opens])).toEqual([
      [true, true],
      [true, true],
    ]);
  });

  it('draws the line before the first unread message that is there, once', () => {
    const rows = [1, 2, 5, 6].map((seq) => stored(seq, { at: minutes(0) }));
    expect(standings(rows, 3).map((s) => s.firstUnread)).toEqual([false, false, true, false]);
    expect(standings(rows, 3)[2]?.opens).toBe(true);
    expect(standings(rows, null).some((s) => s.firstUnread)).toBe(false);
  });

  it('gives a gap no day', () => {
    expect(standings([gap(1, 5), stored(6)], null).map((s) => s.day)).toEqual([false, true]);
  });
});
