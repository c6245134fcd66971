// The door of a plain browser: a bridge on loopback that runs the same client. See README.md
// beside this file for what it must answer.

import type { Args, CallError, CallName, Result } from '../protocol';
import type { Backend, Listener } from '.';

/** The token in `#token=…`. It stays in the address, so that a reload still has it. */
export function tokenFrom(fragment: string): string {
  return new URLSearchParams(fragment.replace(/^#/, '')).get('token') ?? '';
}

const unreachable = (detail: string): CallError => ({
  code: 'unknown',
  detail,
  retry_after_ms: null,
});

export class BridgeBackend implements Backend {
  readonly #origin: string;
  readonly #token: string;

  constructor(origin: string, token: string) {
    this.#origin = origin;
    this.#token = token;
  }

  async call<N extends CallName>(name: N, args: Args<N>): Promise<Result<N>> {
    let response: Response;
    try {
      response = await fetch(`${this.#origin}/call/${name}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${this.#token}` },
        body: JSON.stringify(args),
      });
    } catch (error) {
      throw unreachable(String(error));
    }
    const answer: unknown = await response.json().catch(() => null);
    if (!response.ok) throw isCallError(answer) ? answer : unreachable(`HTTP ${response.status}`);
    return answer as Result<N>;
  }

  subscribe(listener: Listener): () => void {
    const ended = new AbortController();
    void this.#listen(listener, ended.signal);
    return () => ended.abort();
  }

  async #listen(listener: Listener, ended: AbortSignal): Promise<void> {
    let began = false;
    while (!ended.aborted) {
      try {
        const response = await fetch(`${this.#origin}/events`, {
          headers: { Authorization: `Bearer ${this.#token}` },
          signal: ended,
        });
        if (response.ok && response.body) {
          if (began) listener.restarted();
          began = true;
          for await (const line of lines(response.body)) listener.notify(JSON.parse(line));
        }
      } catch {
        // The bridge went away, or this page does; the pause below comes before the next try.
      }
      if (!ended.aborted) await new Promise((wake) => setTimeout(wake, 1000));
    }
  }
}

function isCallError(value: unknown): value is CallError {
  return typeof value === 'object' && value !== null && 'code' in value;
}

/** The lines of a stream that are not empty. */
async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += decoder.decode(value, { stream: true });
    const parts = rest.split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) if (part.trim() !== '') yield part;
  }
}
