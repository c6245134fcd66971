// The only door out of the UI. Everything that the UI asks or learns goes through a `Backend`;
// which one it is, is found out at run time.

import type { Args, CallCode, CallError, CallName, Notification, Result } from '../protocol';

/** What learns of changes. */
export interface Listener {
  /** Changes in the order in which they happened; a burst comes as one batch. */
  notify(batch: Notification[]): void;
  /** The stream was cut and began again: what was learnt before may be stale. */
  restarted(): void;
}

export interface Backend {
  /** Ask. Rejects with a `CallError`, and with nothing else. */
  call<N extends CallName>(name: N, args: Args<N>): Promise<Result<N>>;
  /** Listen from now on. The returned function ends it. */
  subscribe(listener: Listener): () => void;
}

/** The code of whatever a call was rejected with. */
export function codeOf(error: unknown): CallCode {
  if (typeof error === 'object' && error !== null && 'code' in error) {
    const code = (error as CallError).code;
    if (typeof code === 'string') return code;
  }
  return 'unknown';
}

/** The door that this page has: the window's, or that of a bridge on loopback. */
export async function chooseBackend(): Promise<Backend> {
  if ('__TAURI_INTERNALS__' in window) {
    const { TauriBackend } = await import('./tauri');
    return new TauriBackend();
  }
  const { BridgeBackend, tokenFrom } = await import('./bridge');
  return new BridgeBackend(location.origin, tokenFrom(location.hash));
}
