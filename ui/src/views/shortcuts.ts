// The keys of the whole window. Dialogs and menus keep their keys to themselves.

import type { App } from '../state/app.svelte';

/** The parts of the window in the order of F6. */
const PANES: [pane: string, inside: string][] = [
  ['list', '[data-conversation-id][tabindex="0"]'],
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

/** Do what a key stands for, if it stands for something here. */
export function shortcut(app: App, event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || !app.me || app.dialog) return;
  const ctrl = event.ctrlKey || event.metaKey;
  const done = (act: () => void) => {
    event.preventDefault();
    act();
  };
  if (ctrl && !event.altKey) {
    switch (event.key.toLowerCase()) {
      case 'k':
        return done(() => {
          app.dialog = { name: 'palette' };
        });
      case 'n':
        return done(() => {
          app.dialog = { name: 'new', group: event.shiftKey };
        });
      case ',':
        return done(() => {
          app.dialog = { name: 'settings', section: 'profile' };
        });
      case '/':
        return done(() => {
          app.dialog = { name: 'shortcuts' };
        });
      case 'i':
        if (app.open) done(() => app.toggleDetails());
    }
    return;
  }
  if (event.altKey && !ctrl) {
    if (event.key === 'ArrowDown') done(() => app.step(1, event.shiftKey));
    else if (event.key === 'ArrowUp') done(() => app.step(-1, event.shiftKey));
    return;
  }
  if (event.key === 'F6') return done(() => nextPane(event.shiftKey));
  if (event.key === 'Escape') return done(() => app.back());
  if (isWriting(event.target)) return;
  if (event.key === '?') {
    return done(() => {
      app.dialog = { name: 'shortcuts' };
    });
  }
  // Whoever begins to type without having clicked anywhere wants to write.
  if (event.key.length === 1 && document.activeElement === document.body) {
    document.querySelector<HTMLElement>('[data-testid=composer-input]')?.focus();
  }
}
