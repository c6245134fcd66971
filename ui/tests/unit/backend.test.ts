// The door out of the page: calls, their errors, and what is told back.

import { afterEach, describe, expect, it, vi } from 'vitest';
import { codeOf } from '../../src/backend';
import { BridgeBackend, tokenFrom } from '../../src/backend/bridge';
import type { Notification } from '../../src/protocol';

afterEach(() => void vi.unstubAllGlobals());

const stream = (...chunks: string[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      controller.close();
    },
  });

describe('the bridge', () => {
  it('asks with the token, and answers with what came', async () => {
    const fetch = vi.fn(async () => Response.json({ client_ref: 'r' }));
    vi.stubGlobal('fetch', fetch);
    const bridge = new BridgeBackend('http://127.0.0.1:1', tokenFrom('#token=secret'));
    const args = { conversation: 'c', text: 'hi', reply_to: null };
    expect(await bridge.call('send_message', args)).toEqual({ client_ref: 'r' });
    const [url, init] = fetch.mock.calls[0] as unknown as [string, RequestInit];
    expect(url).toBe('http://127.0.0.1:1/call/send_message');
    expect(init.headers).toMatchObject({ Authorization: 'Bearer secret' });
    expect(JSON.parse(String(init.body))).toEqual(args);
  });

  it('rejects with a CallError whatever goes wrong', async () => {
    const bridge = new BridgeBackend('http://127.0.0.1:1', 't');
    const answers: (() => Promise<Response>)[] = [
      async () =>
        Response.json({ code: 'offline', detail: '', retry_after_ms: null }, { status: 503 }),
      async () => new Response('<html>', { status: 500 }),
      async () => Promise.reject(new TypeError('refused')),
    ];
    const codes = [];
    for (const answer of answers) {
      vi.stubGlobal('fetch', answer);
      codes.push(await bridge.call('get_state', {}).then(() => 'fine', codeOf));
    }
    expect(codes).toEqual(['offline', 'unknown', 'unknown']);
  });

  it('reads lines however they are cut, and says when the stream began again', async () => {
    vi.useFakeTimers();
    const streams = [
      stream('[{"event":"idle",', '"idle":true}]\n\n[{"event":"id', 'le","idle":false}]\n'),
      stream('[]\n'),
    ];
    vi.stubGlobal('fetch', async () => new Response(streams.shift() ?? stream()));
    const learnt: Notification[] = [];
    let restarts = 0;
    const end = new BridgeBackend('', '').subscribe({
      notify: (batch) => learnt.push(...batch),
      restarted: () => {
        restarts += 1;
      },
    });
    await vi.advanceTimersByTimeAsync(10);
    expect(learnt).toEqual([
      { event: 'idle', idle: true },
      { event: 'idle', idle: false },
    ]);
    expect(restarts).toBe(0);
    await vi.advanceTimersByTimeAsync(1100);
    expect(restarts).toBe(1);
    end();
    vi.useRealTimers();
  });

  it('takes nothing else for a code than text', () => {
    expect([
      codeOf(null),
      codeOf(new Error('x')),
      codeOf({ code: 7 }),
      codeOf({ code: 'busy' }),
    ]).toEqual(['unknown', 'unknown', 'unknown', 'busy']);
  });
});
