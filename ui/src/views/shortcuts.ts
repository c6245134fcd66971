// The keys of the whole window. Dialogs and menus keep their keys to themselves.

import type { App, DialogName } from '../state/app.svelte';

/** The parts of the window in the order of F6. */
const PANES: [pane: string, inside: string][] = [
  ['list', '[data-conversation-id][tabindex="0"]'],
  ['search', 'input'],
  ['timeline', '.row[tabindex="0"]'],
  ['composer', '[data-testid=composer-input]'],
  ['details', 'button, input, a'],
];

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

function nextPane(back: boolean): void {
  const panes = PANES.map(([pane, inside]) => {
    const element = document.querySelector<HTMLElement>(`[data-pane=${pane}]`);
    return { element, target: element?.querySelector<HTMLElement>(inside) ?? null };
  }).filter(({ target }) => target !== null && target.offsetParent !== null);
  if (panes.length === 0) return;
  const now = panes.findIndex(({ element }) => element?.contains(document.activeElement));
  const next = now === -1 ? 0 : (now + (back ? -1 : 1) + panes.length) % panes.length;
  panes[next]?.target?.focus();
}

/** What a key with Ctrl or Cmd stands for. */
function withCtrl(app: App, event: KeyboardEvent): (() => void) | undefined {
  const open = (dialog: DialogName) => () => {
    app.dialog = dialog;
  };
  switch (event.key.toLowerCase()) {
    case 'k':
      return open({ name: 'palette' });
    case 'f':
      return () => app.openSearch(event.shiftKey ? null : (app.open?.id ?? null));
    case 'n':
      return open({ name: 'new', group: event.shiftKey });
    case ',':
      return open({ name: 'settings', section: 'profile' });
    case '/':
      return open({ name: 'shortcuts' });
    case 'i':
      return app.open ? () => app.toggleDetails() : undefined;
    case 'q':
      return app.state?.desktop ? () => void app.order('quit', {}) : undefined;
    default:
      return undefined;
  }
}

/** What any other key stands for. */
function plain(app: App, event: KeyboardEvent): (() => void) | undefined {
  if (event.altKey) {
    if (event.key === 'ArrowDown') return () => app.step(1, event.shiftKey);
    if (event.key === 'ArrowUp') return () => app.step(-1, event.shiftKey);
    return undefined;
  }
  if (event.key === 'F6') return () => nextPane(event.shiftKey);
  if (event.key === 'Escape') return () => app.back();
  if (event.key === '?' && !isWriting(event.target)) {
    return () => {
      app.dialog = { name: 'shortcuts' };
    };
  }
  return undefined;
}

/** Do what a key stands for, if it stands for something here. */
export function shortcut(app: App, event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || !app.me || app.dialog) return;
  const ctrl = event.ctrlKey || event.metaKey;
  const act = ctrl ? !event.altKey && withCtrl(app, event) : plain(app, event);
  if (act) {
    event.preventDefault();
    act();
  } else if (!ctrl && event.key.length === 1 && document.activeElement === document.body) {
    // Whoever begins to type without having clicked anywhere wants to write.
    document.querySelector<HTMLElement>('[data-testid=composer-input]')?.focus();
  }
}
