// A search through messages while somebody types: which answers count, pages, and what comes later.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Args, FoundMessage, Result } from '../../src/protocol';
import { App } from '../../src/state/app.svelte';
import { DemoBackend } from '../demo/backend';

const hit = (seq: number): FoundMessage => ({
  conversation: 'room',
  seq,
  at: seq,
  sender: null,
  mine: false,
  pieces: [{ text: `message ${seq}`, hit: false }],
});
const range = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => hit(from - i));
const COMPLETE = { complete: true, since: null, coming: false, indexing: false };

/** An app whose searches are answered by the test. */
function begun(answer: (args: Args<'search'>) => Result<'search'> | Promise<Result<'search'>>) {
  const demo = new DemoBackend({ now: () => 0, rooms: [] });
  const page = document.createElement('div');
  const asked: Args<'search'>[] = [];
  const call = demo.call.bind(demo);
  demo.call = (async (name: never, args: never) => {
    if (name !== 'search') return call(name, args);
    asked.push(args);
    return answer(args);
  }) as typeof demo.call;
  const app = new App(demo, page);
  app.openSearch(null);
  const search = app.search;
  if (!search) throw new Error('no search');
  return { app, search, asked };
}

const seqs = (messages: FoundMessage[]): number[] => messages.map((message) => message.seq);

describe('a search', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('waits until somebody pauses, and asks once', async () => {
    const { search, asked } = begun(() => ({ messages: [], more: null, coverage: COMPLETE }));
    await vi.advanceTimersByTimeAsync(1000);
    asked.length = 0;
    for (const query of ['m', 'mo', 'mot', ' moth ']) {
      search.type(query);
      await vi.advanceTimersByTimeAsync(50);
    }
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked).toEqual([{ query: 'moth', conversation: null, before: null }]);
    expect(search.phase).toBe('found');
    search.type('');
    await vi.advanceTimersByTimeAsync(1000);
    expect(search.phase).toBe('nothing');
  });

  it('takes only the answer to what stands there now', async () => {
    const answers = new Map<string, (result: Result<'search'>) => void>();
    const { search } = begun(({ query }) => new Promise((done) => void answers.set(query, done)));
    for (const query of ['slow', 'quick']) {
      search.type(query);
      await vi.advanceTimersByTimeAsync(200);
    }
    answers.get('quick')?.({ messages: [hit(2)], more: null, coverage: COMPLETE });
    await vi.advanceTimersByTimeAsync(0);
    answers.get('slow')?.({ messages: [hit(1)], more: null, coverage: COMPLETE });
    await vi.advanceTimersByTimeAsync(0);
    expect(seqs(search.messages)).toEqual([2]);
  });

  it('adds page after page, up to a bound', async () => {
    const { search, asked } = begun(({ before }) => {
      const from = before === null ? 10_000 : Number(before);
      return { messages: range(from, 40), more: String(from - 40), coverage: COMPLETE };
    });
    search.type('word', 0);
    await vi.advanceTimersByTimeAsync(1);
    expect([search.messages.length, search.more]).toEqual([40, true]);
    await Promise.all([search.loadMore(), search.loadMore()]);
    expect(search.messages.length).toBe(80);
    expect(asked.at(-1)?.before).toBe('9960');
    for (let i = 0; i < 20; i++) await search.loadMore();
    expect([search.messages.length, search.more, search.tooMany]).toEqual([400, false, true]);
  });

  it('says that it failed, and works again when it is asked again', async () => {
    let broken = true;
    const { search } = begun(() => {
      if (broken) throw { code: 'storage', detail: '', retry_after_ms: null };
      return { messages: [hit(1)], more: null, coverage: COMPLETE };
    });
    search.type('word', 0);
    await vi.advanceTimersByTimeAsync(1);
    expect([search.phase, search.error]).toEqual(['failed', 'storage']);
    broken = false;
    search.ask('room');
    await vi.advanceTimersByTimeAsync(1);
    expect([search.phase, search.only, seqs(search.messages)]).toEqual(['found', 'room', [1]]);
  });

  it('is repeated while older messages come, and keeps what somebody went on to', async () => {
    let there = 1;
    const { search, asked, app } = begun(({ before }) => ({
      messages: before === null ? range(there, 1) : [hit(0)],
      more: before === null ? 'more' : null,
      coverage: { complete: false, since: null, coming: true, indexing: false },
    }));
    search.type('word', 0);
    await vi.advanceTimersByTimeAsync(1);
    there = 2;
    await vi.advanceTimersByTimeAsync(2000);
    expect(seqs(search.messages)).toEqual([2]);
    await search.loadMore();
    there = 3;
    await vi.advanceTimersByTimeAsync(2000);
    expect(seqs(search.messages)).toEqual([2, 0]);
    app.closeSearch();
    const before = asked.length;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked.length).toBe(before);
  });
});
