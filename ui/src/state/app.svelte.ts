// The whole app as the window knows it: who is signed in, the list, the conversation on screen,
// and which dialog is open. Made once by whoever starts the page, and handed down by context.

import { getContext, setContext, tick } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';
import { type Backend, codeOf } from '../backend';
import type {
  AppState,
  Args,
  CallCode,
  CallName,
  Notification,
  PersonView,
  Result,
  Row,
  Settings,
} from '../protocol';
import { language } from '../words/index.svelte';
import { OpenConversation, type Target } from './conversation.svelte';
import { Conversations } from './conversations.svelte';
import { IdleMark, painted } from './idle';
import { isLooking, Looking } from './looking';
import { MessageSearch } from './search.svelte';
import { Theme } from './theme';
import { Toasts } from './toasts.svelte';

export type SettingsSection =
  | 'profile'
  | 'notifications'
  | 'background'
  | 'appearance'
  | 'chats'
  | 'language'
  | 'devices'
  | 'about';

/** The mark in the page's timeline up to which a start counts: the list is there to be used. */
const LIST_PAINTED = 'list-painted';

/** The one dialog that is open. */
export type DialogName =
  | { name: 'palette' }
  | { name: 'new'; group: boolean }
  | { name: 'settings'; section: SettingsSection }
  | { name: 'shortcuts' }
  | { name: 'sign-out' }
  | { name: 'readers'; row: Row };

export class App {
  readonly backend: Backend;
  readonly conversations: Conversations;
  readonly toasts = new Toasts();
  readonly idle: IdleMark;
  readonly presence = new SvelteMap<string, boolean>();
  state = $state.raw<AppState | null>(null);
  startError = $state<CallCode | null>(null);
  open = $state.raw<OpenConversation | null>(null);
  dialog = $state.raw<DialogName | null>(null);
  showDetails = $state(false);
  /** The search that stands in place of the list. */
  search = $state.raw<MessageSearch | null>(null);
  /** Whether the search lies before the conversation, where only one of them fits. */
  searchFirst = $state(false);
  /** The current moment, renewed every minute, for what says "today". */
  now = $state(Date.now());
  me = $derived(this.state?.account?.person ?? null);
  connection = $derived(this.state?.connection ?? 'connecting');
  /** Whether the server can be asked. */
  connected = $derived(this.connection === 'online' || this.connection === 'polling');
  readonly #looking: Looking;
  #atEnd = true;
  readonly #told = new Set<string>();

  readonly #theme: Theme;
  readonly page: HTMLElement;

  constructor(backend: Backend, page: HTMLElement = document.documentElement) {
    this.backend = backend;
    this.page = page;
    this.#theme = new Theme(page);
    language.use('');
    this.conversations = new Conversations(backend);
    this.idle = new IdleMark(page);
    this.#looking = new Looking(backend);
  }

  /** Whether the newest message is on screen; the open timeline keeps it. */
  get atEnd(): boolean {
    return this.#atEnd;
  }

  set atEnd(atEnd: boolean) {
    this.#atEnd = atEnd;
    this.#tellLooking();
  }

  /** Nobody is notified of what is before their eyes. */
  #tellLooking(): void {
    const shown = this.#atEnd && this.open?.phase === 'ready';
    this.#looking.tell(isLooking(), shown ? (this.open?.id ?? null) : null);
  }

  /** Listen, then read. The returned function ends it. */
  start(): () => void {
    const end = this.backend.subscribe({
      notify: (batch) => {
        for (const notification of batch) this.#learn(notification);
        this.idle.changed();
      },
      restarted: () => void this.#readAll(),
    });
    const minute = setInterval(() => {
      this.now = Date.now();
    }, 60_000);
    const unfollow = this.#theme.follow();
    const unwatch = this.#looking.watch(() => this.#tellLooking());
    void this.#readAll();
    return () => {
      end();
      unwatch();
      unfollow();
      clearInterval(minute);
    };
  }

  /** Ask the client, with the page marked busy until the answer. */
  async call<N extends CallName>(name: N, args: Args<N>): Promise<Result<N>> {
    const release = this.idle.begin();
    try {
      return await this.backend.call(name, args);
    } finally {
      release();
    }
  }

  /** Ask for something whose refusal is said in a toast. Tells whether it worked. */
  async order<N extends CallName>(name: N, args: Args<N>): Promise<boolean> {
    try {
      await this.call(name, args);
      return true;
    } catch (error) {
      this.toasts.complain(language.error(codeOf(error)));
      return false;
    }
  }

  async #readAll(): Promise<void> {
    const release = this.idle.begin();
    try {
      this.startError = null;
      this.#takeState(await this.backend.call('get_state', {}));
      if (this.state?.account) {
        await this.conversations.load();
        void tick()
          .then(painted)
          .then(() => performance.mark(LIST_PAINTED));
        await this.open?.reload();
        await this.#goToTarget();
      }
    } catch (error) {
      this.startError = codeOf(error);
    } finally {
      release();
    }
  }

  /** Try again after the start failed. */
  restart(): void {
    void this.#readAll();
  }

  /** Somebody signed in or registered. */
  entered(state: AppState): void {
    this.#takeState(state);
    void this.conversations.load().then(() => this.#goToTarget());
  }

  /** Go where a notification or a link leads, if one was followed. */
  async #goToTarget(): Promise<void> {
    if (!this.me) return;
    try {
      const { target } = await this.call('take_target', {});
      if (target) this.select(target.conversation, target.seq);
    } catch (error) {
      this.toasts.complain(language.error(codeOf(error)));
    }
  }

  #takeState(state: AppState): void {
    const was = this.state?.account?.person.id ?? null;
    const is = state.account?.person.id ?? null;
    if (was !== null && was !== is) this.#forget();
    this.state = state;
    this.applySettings(state.settings);
    for (const notice of state.notices) {
      if (notice.code === 'reload') {
        // The page did not keep up, and was not told everything.
        void this.#readAll();
        continue;
      }
      if (this.#told.has(notice.code)) continue;
      this.#told.add(notice.code);
      const said = language.words.notices;
      this.toasts.say(said[notice.code] ?? `${said.other}${notice.code}`);
    }
    if (was === null && is !== null && this.conversations.phase === 'failed') {
      void this.conversations.load();
    }
  }

  #forget(): void {
    this.open?.close();
    this.open = null;
    this.dialog = null;
    this.showDetails = false;
    this.closeSearch();
    this.presence.clear();
    this.conversations.clear();
  }

  applySettings(settings: Settings): void {
    this.#theme.use(settings.appearance);
    language.use(settings.language);
    if (this.state) this.state = { ...this.state, settings };
  }

  /** Change some of the settings; what the client answers counts. */
  async changeSettings(part: Partial<Settings>): Promise<void> {
    const before = this.state?.settings;
    if (!before) return;
    const wished = { ...before, ...part };
    this.applySettings(wished);
    try {
      this.applySettings(await this.call('change_settings', wished));
    } catch (error) {
      this.applySettings(before);
      this.toasts.complain(language.error(codeOf(error)));
    }
  }

  /** Bring a conversation on screen, at a message if one is named. The last choice wins. */
  select(id: string, at: number | null = null, person: PersonView | null = null): void {
    this.dialog = null;
    this.searchFirst = false;
    if (this.open?.id === id) {
      if (at !== null) this.open.jump(at);
      return;
    }
    this.open?.close();
    const target: Target | undefined = at === null ? undefined : { to: 'seq', seq: at };
    const conversation = new OpenConversation(id, this.backend, {
      failed: (code) => this.toasts.complain(language.error(code)),
      busy: () => this.idle.begin(),
      typing: () => this.state?.settings.typing ?? false,
    });
    conversation.person = person;
    if (at !== null) conversation.lit = at;
    this.atEnd = true;
    this.open = conversation;
    void conversation.open(at, target);
    void conversation.loadDetails();
  }

  /** Back to the list, where only one fits. */
  deselect(): void {
    this.open?.close();
    this.open = null;
    this.showDetails = false;
    this.#tellLooking();
  }

  /** One's own profile is another now. */
  changedProfile(person: PersonView): void {
    const account = this.state?.account;
    if (this.state && account) this.state = { ...this.state, account: { ...account, person } };
  }

  toggleDetails(): void {
    this.showDetails = !this.showDetails;
  }

  /** Search messages: everywhere, or only in one conversation. */
  openSearch(only: string | null, query?: string): void {
    this.dialog = null;
    this.search ??= new MessageSearch(this);
    this.searchFirst = true;
    this.search.ask(only, query);
  }

  closeSearch(): void {
    this.search?.close();
    this.search = null;
    this.searchFirst = false;
  }

  /** Escape: the details close, or the list comes back where only one of them fits. */
  back(): void {
    if (this.showDetails) this.showDetails = false;
    else if (this.open && this.page.querySelector('[data-testid=back-button]')?.checkVisibility()) {
      this.deselect();
    } else if (this.search) this.closeSearch();
  }

  /** End this device's session; the client removes what the device holds. */
  async signOut(): Promise<void> {
    this.open?.composer.flush();
    try {
      this.#takeState(await this.call('sign_out', {}));
    } catch (error) {
      this.toasts.complain(language.error(codeOf(error)));
    }
  }

  /** The direct conversation with somebody. */
  async selectPerson(person: PersonView): Promise<void> {
    try {
      const { conversation } = await this.call('open_direct', { user: person.id });
      this.select(conversation, null, person);
    } catch (error) {
      this.toasts.complain(language.error(codeOf(error)));
    }
  }

  /** The conversation `steps` further in the list; with `unread`, only those with something unread. */
  step(steps: 1 | -1, unread = false): void {
    const ids = this.conversations.visible(this.open?.id ?? null);
    const at = this.open ? ids.indexOf(this.open.id) : -1;
    for (let i = at === -1 && steps === -1 ? ids.length - 1 : at + steps; ; i += steps) {
      const id = ids[i];
      if (id === undefined) return;
      if (!unread || (this.conversations.byId.get(id)?.unread ?? 0) > 0) {
        this.select(id);
        return;
      }
    }
  }

  /** Whether somebody is there, as far as is known. */
  isOnline(person: PersonView): boolean {
    return this.presence.get(person.id) ?? person.online;
  }

  #learn(n: Notification): void {
    switch (n.event) {
      case 'state':
        this.#takeState(n.state);
        break;
      case 'conversations':
        this.conversations.change(n);
        break;
      case 'rows':
        if (this.open?.id === n.conversation) {
          this.open.change(n.rows, n.removed, n.head, this.atEnd, isLooking());
        }
        break;
      case 'details':
        if (this.open?.id === n.details.id) this.open.details = n.details;
        break;
      case 'typing':
        if (this.open?.id === n.conversation) this.open.typing = n.names;
        break;
      case 'presence':
        this.presence.set(n.user, n.online);
        break;
      case 'target_waiting':
        void this.#goToTarget();
        break;
      case 'rejected':
        this.toasts.complain(language.error(n.code));
        break;
      case 'idle':
        this.idle.client(n.idle);
        break;
    }
  }
}

const KEY = Symbol('app');

export function provideApp(app: App): void {
  setContext(KEY, app);
}

export function useApp(): App {
  return getContext<App>(KEY);
}
