// The door of the desktop window: one command for calls, one channel for notifications.
// This is the only file that knows Tauri.

import { Channel, invoke } from '@tauri-apps/api/core';
import type { Args, CallName, Notification, Result } from '../protocol';
import type { Backend, Listener } from '.';

export class TauriBackend implements Backend {
  call<N extends CallName>(name: N, args: Args<N>): Promise<Result<N>> {
    return invoke<Result<N>>('call', { name, args });
  }

  subscribe(listener: Listener): () => void {
    let open = true;
    const channel = new Channel<Notification | Notification[]>();
    channel.onmessage = (message) => {
      if (open) listener.notify(Array.isArray(message) ? message : [message]);
    };
    void invoke('subscribe', { channel });
    return () => {
      open = false;
    };
  }
}
