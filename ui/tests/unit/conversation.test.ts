// What the app and an open conversation make of what the client tells them.

import { flushSync } from 'svelte';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Listener } from '../../src/backend';
import { App } from '../../src/state/app.svelte';
import { DemoBackend } from '../demo/backend';
import { rooms } from '../demo/rooms';

const NOW = Date.parse('2024-11-07T10:42:00Z');
const quiet = () => new Promise((done) => setTimeout(done, 5));

async function started(options: Partial<ConstructorParameters<typeof DemoBackend>[0]> = {}) {
  const demo = new DemoBackend({ now: () => NOW, rooms: rooms(NOW), pace: 0, ...options });
  const app = new App(demo, document.createElement('div'));
  const stop = app.start();
  await quiet();
  const id = (title: string): string =>
    [...demo.rooms.values()].find((room) => room.title === title)?.id ?? '';
  return { demo, app, stop, id };
}

describe('the app over a client', () => {
  beforeEach(() => void vi.spyOn(document, 'hasFocus').mockReturnValue(true));

  it('applies what is told while the list is being read, after the list', async () => {
    const demo = new DemoBackend({ now: () => NOW, rooms: rooms(NOW), pace: 0 });
    const call = demo.call.bind(demo);
    let release = () => {};
    demo.call = (async (name: never, args: never) => {
      const answer = await call(name, args);
      if (name === 'list_conversations')
        await new Promise<void>((done) => {
          release = done;
        });
      return answer;
    }) as typeof demo.call;
    const app = new App(demo, document.createElement('div'));
    app.start();
    await quiet();
    const engine = [...demo.rooms.values()].find((room) => room.title === 'Engine room');
    demo.receive(engine?.id ?? '', 'grace', 'While the list was on its way');
    release();
    await quiet();
    expect(app.conversations.byId.get(engine?.id ?? '')?.preview).toBe(
      'While the list was on its way',
    );
  });

  it('applies rows that are told while a conversation is being opened, after its window', async () => {
    const { demo, app, id } = await started();
    const call = demo.call.bind(demo);
    let release = () => {};
    demo.call = (async (name: never, args: never) => {
      const answer = await call(name, args);
      if (name === 'open_conversation')
        await new Promise<void>((done) => {
          release = done;
        });
      return answer;
    }) as typeof demo.call;
    app.select(id('Engine room'));
    await quiet();
    demo.receive(id('Engine room'), 'grace', 'In between');
    release();
    await quiet();
    const last = app.open?.window.rows.at(-1)?.body;
    expect(last?.type === 'message' && last.text).toBe('In between');
  });

  it('lets the answer of an older choice go', async () => {
    const { app, id } = await started();
    app.select(id('Engine room'));
    app.select(id('Grace Hopper'));
    await quiet();
    expect(app.open?.id).toBe(id('Grace Hopper'));
    expect(app.open?.window.rows.every((row) => row.body.type !== 'change')).toBe(true);
  });

  it('marks only forwards, a few times a second at most, and what is left on closing', async () => {
    const { demo, app, id } = await started();
    app.select(id('Engine room'));
    await quiet();
    for (const seq of [9, 8, 10, 10]) app.open?.seen(seq);
    app.deselect();
    await quiet();
    expect(demo.calls.filter((c) => c.name === 'mark_read').map((c) => c.args)).toEqual([
      { conversation: id('Engine room'), seq: 10 },
    ]);
  });

  it('draws the line for somebody who looked away while something came', async () => {
    const { demo, app, id } = await started();
    app.select(id('Alan Turing'));
    await quiet();
    expect(app.open?.firstUnread).toBeNull();
    vi.spyOn(document, 'hasFocus').mockReturnValue(false);
    demo.receive(id('Alan Turing'), 'alan', 'Are you there?');
    demo.receive(id('Alan Turing'), 'alan', 'Hello?');
    flushSync();
    expect(app.open?.firstUnread).toBe(3);
  });

  it('takes the line away once one answers', async () => {
    const { demo, app, id } = await started();
    app.select(id('Alan Turing'));
    await quiet();
    const looks = vi.spyOn(document, 'hasFocus').mockReturnValue(false);
    demo.receive(id('Alan Turing'), 'alan', 'Are you there?');
    flushSync();
    expect(app.open?.firstUnread).toBe(3);
    looks.mockReturnValue(true);
    await demo.call('send_message', {
      conversation: id('Alan Turing'),
      text: 'Yes',
      reply_to: null,
    });
    await quiet();
    expect(app.open?.firstUnread).toBeNull();
  });

  it('forgets everything of an account that signed out', async () => {
    const { demo, app, id } = await started();
    app.select(id('Engine room'));
    await quiet();
    await demo.call('sign_out', {});
    expect([app.me, app.open, app.conversations.order.length, app.conversations.byId.size]).toEqual(
      [null, null, 0, 0],
    );
  });

  it('reads everything anew when the stream began again, and when it was not told everything', async () => {
    const demo = new DemoBackend({ now: () => NOW, rooms: rooms(NOW), pace: 0 });
    let told: Listener | null = null;
    const subscribe = demo.subscribe.bind(demo);
    demo.subscribe = (listener) => {
      told = listener;
      return subscribe(listener);
    };
    const app = new App(demo, document.createElement('div'));
    app.start();
    await quiet();
    const everything = ['get_state', 'list_conversations', 'take_target'];
    const asked = async (tell: () => void) => {
      const before = demo.calls.length;
      tell();
      await quiet();
      return demo.calls.slice(before).map((c) => c.name);
    };
    expect(await asked(() => told?.restarted())).toEqual(everything);
    const state = { ...demo.account.state, notices: [{ code: 'reload' }] };
    expect(await asked(() => told?.notify([{ event: 'state', state }]))).toEqual(everything);
    expect(app.toasts.shown).toEqual([]);
  });

  it('marks the page idle only when the client is, nothing waits and what changed is painted', async () => {
    const { demo, app } = await started();
    const painted = () => new Promise((done) => setTimeout(done, 120));
    await painted();
    expect(app.page.dataset.idle).toBe('true');
    const release = app.idle.begin();
    expect(app.page.dataset.idle).toBeUndefined();
    release();
    release();
    await painted();
    expect(app.page.dataset.idle).toBe('true');
    app.idle.client(false);
    await painted();
    expect(app.page.dataset.idle).toBeUndefined();
    expect(demo.calls.length).toBeGreaterThan(0);
  });

  it('tells a notice once, however often the state comes', async () => {
    const { demo, app } = await started();
    const state = { ...(await demo.call('get_state', {})), notices: [{ code: 'cache_rebuilt' }] };
    app.entered(state);
    app.entered(state);
    expect(app.toasts.shown).toHaveLength(1);
  });
});
