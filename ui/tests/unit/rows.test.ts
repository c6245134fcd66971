// The window of rows: one row per key, in order, whatever comes when.

import { describe, expect, it } from 'vitest';
import * as rows from '../../src/state/rows';
import { gap, range, stored, waiting } from './made';

const keys = (window: rows.RowWindow): string[] => window.rows.map((row) => row.key);
const seqs = (window: rows.RowWindow): (number | null)[] => window.rows.map((row) => row.seq);
const whole = (all: rows.RowWindow['rows']): rows.RowWindow => ({
  rows: all,
  moreBefore: false,
  moreAfter: false,
});

describe('the window of rows', () => {
  it('shows one row per key: what was queued becomes the sent one in its place', () => {
    const before = whole([...range(1, 3), waiting('ref-b'), waiting('ref-c')]);
    const after = rows.withChanges(before, [stored(4, { key: 'ref-c', mine: true })], []);
    expect(keys(after)).toEqual(['ref-000001', 'ref-000002', 'ref-000003', 'ref-c', 'ref-b']);
  });

  it('keeps what waits at the tail, in the order in which it was written', () => {
    const window = rows.withChanges(
      whole([waiting('0193-b')]),
      [waiting('0193-a'), stored(9), waiting('0193-c')],
      [],
    );
    expect(keys(window)).toEqual(['ref-000009', '0193-a', '0193-b', '0193-c']);
  });

  it('orders by seq and never by time', () => {
    const window = rows.withChanges(
      whole([stored(2, { at: 10 })]),
      [stored(1, { at: 99 }), stored(3, { at: 1 })],
      [],
    );
    expect(seqs(window)).toEqual([1, 2, 3]);
  });

  it('does not take what lies beyond an edge with more behind it', () => {
    const window = { rows: range(10, 20), moreBefore: true, moreAfter: true };
    const after = rows.withChanges(window, [stored(5), stored(25), waiting('new')], []);
    expect(after.rows).toEqual(window.rows);
  });

  it('takes changes of rows that it has, and keeps all other objects as they are', () => {
    const window = { rows: range(10, 20), moreBefore: true, moreAfter: true };
    const changed = stored(15, { text: 'edited' });
    const after = rows.withChanges(window, [changed], []);
    expect(after.rows[5]).toBe(changed);
    expect(after.rows[4]).toBe(window.rows[4]);
  });

  it('puts what a gap hid into the place of the gap', () => {
    const before = whole([...range(1, 2), gap(3, 3), ...range(6, 7)]);
    const after = rows.withChanges(before, range(3, 5), ['gap-3']);
    expect(seqs(after)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('is the same however often the same change comes', () => {
    const change = [stored(4), stored(2, { text: 'edited' })];
    const once = rows.withChanges(whole(range(1, 3)), change, ['ref-000001']);
    expect(rows.withChanges(once, change, ['ref-000001'])).toEqual(once);
  });

  it('stays small, and says on which side something was let go', () => {
    const up = rows.cutNewest(
      rows.withOlder(
        { rows: [...range(301, 500), waiting('x')], moreBefore: true, moreAfter: false },
        range(241, 300),
        true,
      ),
    );
    expect([up.rows.length, up.rows[0]?.seq, up.moreBefore, up.moreAfter]).toEqual([
      rows.KEPT,
      241,
      true,
      true,
    ]);
    const down = rows.cutOldest(
      rows.withNewer(
        { rows: range(1, 200), moreBefore: false, moreAfter: true },
        range(201, 260),
        false,
      ),
    );
    expect([down.rows.length, down.rows.at(-1)?.seq, down.moreBefore, down.moreAfter]).toEqual([
      rows.KEPT,
      260,
      true,
      false,
    ]);
  });

  it('does not cut what is small enough', () => {
    const window = whole(range(1, 50));
    expect(rows.cutNewest(window)).toBe(window);
    expect(rows.cutOldest(window)).toBe(window);
  });
});
