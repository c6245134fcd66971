// Rows for tests, as short as possible.

import type { Row } from '../../src/protocol';
import { ada, grace } from '../demo/people';
import { message } from '../demo/room';

/** A stored message. */
export const stored = (
  seq: number,
  options: { at?: number; mine?: boolean; key?: string; text?: string } = {},
): Row => ({
  key: options.key ?? `ref-${String(seq).padStart(6, '0')}`,
  seq,
  at: options.at ?? seq * 60_000,
  body: {
    type: 'message',
    ...message(options.mine ? ada : grace, options.text ?? `message ${seq}`),
  },
});

/** A message that waits in the outbox. */
export const waiting = (key: string, text = key): Row => ({
  key,
  seq: null,
  at: 0,
  body: { type: 'message', ...message(ada, text, 'sending'), queued: true },
});

export const gap = (seq: number, missing: number): Row => ({
  key: `gap-${seq}`,
  seq: null,
  at: 0,
  body: { type: 'gap', missing },
});

export const range = (from: number, to: number): Row[] =>
  Array.from({ length: to - from + 1 }, (_, i) => stored(from + i));
