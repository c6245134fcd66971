// The demo's account: who is signed in, the settings, and the devices.

import type { AppState, Args, CallError, CallName, Connection, Result } from '../../src/protocol';
import { ada } from './people';

export type Handlers = { [N in CallName]: (args: Args<N>) => Result<N> | Promise<Result<N>> };

export const problem = (code: CallError['code']): CallError => ({
  code,
  detail: '',
  retry_after_ms: null,
});

type Mine =
  | 'get_state'
  | 'check_server'
  | 'register'
  | 'sign_in'
  | 'sign_out'
  | 'change_profile'
  | 'change_password'
  | 'list_sessions'
  | 'end_session'
  | 'change_settings';

const session = (n: number): string => `00000000-0000-4000-9000-00000000000${n}`;

export class DemoAccount {
  state: AppState;
  readonly #changed: () => void;
  #sessions: Result<'list_sessions'>['sessions'];

  /** `changed` is called after every change of the state. */
  constructor(
    options: {
      signedIn: boolean;
      connection: Connection;
      settings: Partial<AppState['settings']>;
      desktop: boolean;
    },
    now: number,
    changed: () => void,
  ) {
    this.#changed = changed;
    this.#sessions = [
      { id: session(1), device: 'engine', platform: 'Linux', used: now, current: true },
      {
        id: session(2),
        device: 'Ada’s laptop',
        platform: 'macOS',
        used: now - 3_600_000,
        current: false,
      },
    ];
    this.state = {
      account: options.signedIn ? this.#account('https://kith.example.org') : null,
      connection: options.signedIn ? options.connection : 'signed_out',
      settings: {
        appearance: 'system',
        notify: 'all',
        notify_content: true,
        language: '',
        typing: true,
        autostart: false,
        close_to_tray: true,
        ...options.settings,
      },
      notices: [],
      desktop: options.desktop,
    };
  }

  set(part: Partial<AppState>): AppState {
    this.state = { ...this.state, ...part };
    this.#changed();
    return this.state;
  }

  #account(address: string): AppState['account'] {
    return { person: ada, address, session: session(1), session_only: false };
  }

  #enter(address: string, refused: CallError['code'] | null): AppState {
    if (refused) throw problem(refused);
    return this.set({ account: this.#account(address), connection: 'online' });
  }

  readonly answers: Pick<Handlers, Mine> = {
    get_state: () => this.state,
    check_server: ({ address }) => {
      if (/nothing/.test(address)) throw problem('offline');
      if (/other/.test(address)) throw problem('not_a_server');
      return {
        address: `https://${address}`,
        name: 'Example Society',
        registration: !/closed/.test(address),
        millis: 42,
      };
    },
    register: (args) =>
      this.#enter(
        args.address,
        args.name === 'grace' ? 'name_taken' : args.password.length < 8 ? 'bad_password' : null,
      ),
    sign_in: (args) => {
      if (args.name === 'vault' && !args.session_only) throw problem('no_keychain');
      return this.#enter(args.address, args.password === 'wrong' ? 'wrong_password' : null);
    },
    sign_out: () => this.set({ account: null, connection: 'signed_out' }),
    change_profile: ({ display_name, about }) => {
      const person = {
        ...ada,
        display_name: display_name ?? ada.display_name,
        about: about ?? ada.about,
      };
      if (this.state.account) this.set({ account: { ...this.state.account, person } });
      return person;
    },
    change_password: ({ old }) => {
      if (old === 'wrong') throw problem('wrong_password');
      return {};
    },
    list_sessions: () => ({ sessions: this.#sessions }),
    end_session: ({ session: id }) => {
      this.#sessions = this.#sessions.filter((s) => s.id !== id);
      return {};
    },
    change_settings: (settings) => this.set({ settings }).settings,
  };
}
