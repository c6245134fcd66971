// The composer: drafts are safe soon after a key, and nothing is sent by accident.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Backend } from '../../src/backend';
import { Composer } from '../../src/state/composer.svelte';
import { stored } from './made';

type Call = [name: string, args: Record<string, unknown>];

function setUp(typing = true) {
  const calls: Call[] = [];
  const answers = new Map<string, () => Promise<unknown>>();
  const failures: string[] = [];
  let busy = 0;
  const backend = {
    call: (name: string, args: Record<string, unknown>) => {
      calls.push([name, args]);
      return answers.get(name)?.() ?? Promise.resolve({ client_ref: 'r' });
    },
    subscribe: () => () => {},
  } as unknown as Backend;
  const composer = new Composer('c1', backend, {
    failed: (code) => failures.push(code),
    busy: () => {
      busy += 1;
      return () => {
        busy -= 1;
      };
    },
    typing: () => typing,
  });
  const named = (name: string) => calls.filter(([n]) => n === name).map(([, args]) => args);
  return { composer, calls, answers, failures, named, isBusy: () => busy > 0 };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the composer', () => {
  it('saves a draft within 300 ms of the first key, also while one goes on typing', async () => {
    const { composer, named } = setUp();
    for (let i = 1; i <= 10; i++) {
      composer.typed('x'.repeat(i), i * 50);
      await vi.advanceTimersByTimeAsync(50);
    }
    expect(named('save_draft').length).toBeGreaterThanOrEqual(1);
    expect(named('save_draft')[0]).toMatchObject({ conversation: 'c1', text: 'xxxxx' });
    await vi.advanceTimersByTimeAsync(300);
    expect(named('save_draft').at(-1)).toMatchObject({ text: 'x'.repeat(10) });
  });

  it('keeps the page busy from the key until the draft is safe', async () => {
    const { composer, isBusy } = setUp();
    composer.typed('a', 0);
    expect(isBusy()).toBe(true);
    await vi.advanceTimersByTimeAsync(300);
    expect(isBusy()).toBe(false);
  });

  it('saves at once when it is flushed, and nothing when there is nothing to save', async () => {
    const { composer, named } = setUp();
    composer.flush();
    await vi.advanceTimersByTimeAsync(0);
    expect(named('save_draft')).toHaveLength(0);
    composer.typed('a', 0);
    composer.flush();
    await vi.advanceTimersByTimeAsync(0);
    expect(named('save_draft')).toHaveLength(1);
  });

  it('hands messages over one after the other, so that they keep their order', async () => {
    const { composer, answers, named } = setUp();
    const gates: (() => void)[] = [];
    answers.set(
      'send_message',
      () => new Promise((done) => gates.push(() => done({ client_ref: 'r' }))),
    );
    for (const text of ['one', 'two']) {
      composer.typed(text, 0);
      void composer.submit();
    }
    await vi.advanceTimersByTimeAsync(0);
    expect(named('send_message').map((a) => a.text)).toEqual(['one']);
    gates[0]?.();
    await vi.advanceTimersByTimeAsync(0);
    expect(named('send_message').map((a) => a.text)).toEqual(['one', 'two']);
  });

  it('removes the draft only after the message is in the outbox', async () => {
    const { composer, calls } = setUp();
    composer.typed('hello', 0);
    await vi.advanceTimersByTimeAsync(300);
    void composer.submit();
    await vi.advanceTimersByTimeAsync(0);
    expect(calls.map(([name, args]) => [name, args.text])).toEqual([
      ['typing', undefined],
      ['save_draft', 'hello'],
      ['send_message', 'hello'],
      ['save_draft', ''],
    ]);
  });

  it('gives the text and the quote back when the outbox cannot take them', async () => {
    const { composer, answers, failures } = setUp();
    answers.set('send_message', () =>
      Promise.reject({ code: 'storage', detail: '', retry_after_ms: null }),
    );
    composer.answer({ seq: 4, sender: 'Grace', text: 'q', deleted: false });
    composer.typed('precious', 0);
    await composer.submit();
    expect([composer.text, composer.reply?.seq, failures]).toEqual(['precious', 4, ['storage']]);
  });

  it('edits beside the draft, and gives the draft back', async () => {
    const { composer, named } = setUp();
    composer.typed('half a thought', 0);
    const row = stored(7, { mine: true, text: 'old' });
    if (row.body.type === 'message') composer.edit(row, row.body);
    expect(composer.text).toBe('old');
    composer.typed('new', 10);
    await composer.submit();
    expect(named('edit_message')).toEqual([
      { conversation: 'c1', seq: 7, client_ref: null, text: 'new' },
    ]);
    expect(composer.text).toBe('half a thought');
    await vi.advanceTimersByTimeAsync(300);
    expect(named('save_draft').every((a) => a.text === 'half a thought')).toBe(true);
  });

  it('asks for nothing when an edit changed nothing', async () => {
    const { composer, named } = setUp();
    const row = stored(7, { mine: true, text: 'same' });
    if (row.body.type === 'message') composer.edit(row, row.body);
    await composer.submit();
    expect(named('edit_message')).toHaveLength(0);
  });

  it('tells that one types at most every three seconds, and not at all when it is switched off', () => {
    const { composer, named } = setUp();
    for (const at of [0, 1000, 2900, 3000, 5000]) composer.typed('a', at);
    expect(named('typing')).toHaveLength(2);
    const quiet = setUp(false);
    quiet.composer.typed('a', 0);
    expect(quiet.named('typing')).toHaveLength(0);
  });

  it('sends neither white space nor more than the server takes', async () => {
    const { composer, named } = setUp();
    composer.typed(' \n\t ', 0);
    expect(await composer.submit()).toBe(false);
    composer.typed('字'.repeat(22_000), 0);
    expect(composer.tooLong).toBe(true);
    expect(await composer.submit()).toBe(false);
    expect(named('send_message')).toHaveLength(0);
  });
});
