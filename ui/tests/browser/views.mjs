// Every view of the app and how to get there: for the pictures, and for the check of accessibility.

import { byId, conversation, idle } from './page.mjs';

async function open(page, name) {
  await page.click(conversation(name));
  await idle(page);
}

/** Opens the search and types. */
async function look(page, text, room = null) {
  if (room) await open(page, room);
  await page.keyboard.press(room ? 'Control+f' : 'Control+Shift+F');
  await page.fill(byId('search-input'), text);
  await page.waitForSelector(text ? byId('search-result') : byId('search-coverage'));
  await idle(page);
}

const NARROW = { width: 400, height: 780 };
const zh = { wishes: { lang: 'zh-CN' } };

/** Every view: its name, how the page is opened, and what is done there. */
export const VIEWS = [
  [
    'sign-in',
    { wishes: { scene: 'sign-in' } },
    async (page) => {
      await page.fill(byId('server-input'), 'kith.example.org');
      await page.fill(byId('name-input'), 'ada');
      await page.fill(byId('password-input'), 'wrong');
      await page.waitForSelector('text=42 ms');
      await page.click(byId('sign-in-button'));
      await page.waitForSelector('text=do not match');
    },
  ],
  [
    'register',
    { wishes: { scene: 'sign-in' } },
    (page) => page.click(byId('switch-register-button')),
  ],
  [
    'no-keychain',
    { wishes: { scene: 'sign-in' } },
    async (page) => {
      await page.fill(byId('server-input'), 'kith.example.org');
      await page.fill(byId('name-input'), 'vault');
      await page.fill(byId('password-input'), 'something');
      await page.click(byId('sign-in-button'));
      await page.waitForSelector(byId('session-only-button'));
    },
  ],
  ['empty', { wishes: { scene: 'empty' } }],
  ['syncing', { wishes: { scene: 'syncing' } }, (page) => page.waitForTimeout(400)],
  ['list-failed', { wishes: { broken: 'list_conversations' } }],
  ['start-failed', { wishes: { broken: 'get_state' } }],
  ['nothing-open', {}],
  [
    'group',
    {},
    async (page) => {
      await open(page, 'Engine room');
      await page.click(byId('details-button'));
      await page.evaluate(() => demo.type(app.open.id, ['Grace']));
      await idle(page);
    },
  ],
  [
    'group-hover',
    {},
    async (page) => {
      await open(page, 'Engine room');
      await page.hover('text=The new scheduler');
    },
  ],
  [
    'menu',
    {},
    async (page) => {
      await open(page, 'Engine room');
      await page.click('text=The new scheduler', { button: 'right' });
    },
  ],
  [
    'emoji',
    {},
    async (page) => {
      await open(page, 'Engine room');
      await page.click('button[aria-label=Emoji]');
      await page.waitForSelector('.grid button');
    },
  ],
  [
    'reply',
    {},
    async (page) => {
      await open(page, 'Grace Hopper');
      await page.focus('[data-testid=message]:last-child');
      await page.keyboard.press('r');
      await page.fill(byId('composer-input'), 'Page 92 it is.\nI shall bring the tape.');
    },
  ],
  [
    'offline',
    { wishes: { scene: 'offline' } },
    async (page) => {
      await open(page, 'Engine room');
      await page.fill(byId('composer-input'), 'Reading it now, on a train with no signal');
      await page.press(byId('composer-input'), 'Enter');
      await page.fill(byId('composer-input'), 'No losses in any of them');
    },
  ],
  ['hard', {}, (page) => open(page, 'A very long name')],
  ['rtl', {}, (page) => open(page, 'ليلى')],
  ['cjk', {}, (page) => open(page, '李小龙')],
  [
    'history',
    {},
    async (page) => {
      await open(page, 'Katherine Johnson');
      await page.evaluate(() =>
        document.querySelector('[data-testid=timeline]').scrollBy(0, -1500),
      );
      await page.evaluate(() => {
        demo.receive(app.open.id, 'katherine', 'One more');
        demo.receive(app.open.id, 'katherine', 'And another');
      });
      await page.waitForTimeout(100);
    },
  ],
  [
    'conversation-failed',
    { wishes: { broken: 'open_conversation' } },
    (page) => open(page, 'Engine room'),
  ],
  [
    'conversation-loading',
    { wishes: { hang: 'open_conversation' } },
    async (page) => {
      await page.click(conversation('Engine room'));
      await page.waitForTimeout(400);
    },
  ],
  ['former-member', {}, (page) => open(page, 'Lunch')],
  [
    'direct-details',
    {},
    async (page) => {
      await open(page, 'Grace Hopper');
      await page.click(byId('details-button'));
    },
  ],
  [
    'readers',
    {},
    async (page) => {
      await open(page, 'Engine room');
      await page.focus('[data-testid=message]:has-text("Lovely")');
      await page.keyboard.press('i');
      await page.waitForSelector('text=Read by');
    },
  ],
  [
    'delete',
    {},
    async (page) => {
      await open(page, 'Engine room');
      await page.focus('[data-testid=message]:has-text("Lovely")');
      await page.keyboard.press('Delete');
    },
  ],
  [
    'new-conversation',
    {},
    async (page) => {
      await page.click(byId('new-conversation-button'));
      await page.fill(byId('people-search'), 'l');
      await page.waitForSelector('text=Barbara');
    },
  ],
  [
    'new-group',
    {},
    async (page) => {
      await page.keyboard.press('Control+Shift+N');
      await page.fill(byId('group-name'), 'Difference engine');
      for (const name of ['grace', 'barb', 'rad']) {
        await page.fill(byId('people-search'), name);
        await page.waitForFunction(
          (n) => document.querySelector('[role=option] small')?.textContent?.startsWith(`@${n}`),
          name,
        );
        await page.press(byId('people-search'), 'Enter');
      }
      await page.fill(byId('people-search'), 'zzz');
      await page.waitForSelector('text=Nobody here');
    },
  ],
  [
    'palette',
    {},
    async (page) => {
      await page.keyboard.press('Control+k');
      await page.fill(byId('palette-input'), 'l');
      await page.waitForSelector('text=Barbara');
    },
  ],
  ['search', {}, (page) => look(page, 'the')],
  [
    'search-jumped',
    {},
    async (page) => {
      await look(page, 'reading 99');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await idle(page);
    },
  ],
  ['search-here', {}, (page) => look(page, 'the', 'Engine room')],
  ['search-here-long', {}, (page) => look(page, 'one', 'A very long name')],
  ['search-conversation', {}, (page) => look(page, 'room')],
  ['search-hint', {}, (page) => look(page, '')],
  ['search-cjk', {}, (page) => look(page, '机房')],
  ['search-rtl', {}, (page) => look(page, 'قرأت')],
  [
    'search-partly',
    {},
    async (page) => {
      await page.evaluate(() => {
        const since = Date.parse('2023-03-12T12:00:00Z');
        demo.coverage = { complete: false, since, coming: true, indexing: false };
      });
      await look(page, 'all good');
    },
  ],
  [
    'search-none',
    {},
    async (page) => {
      await page.keyboard.press('Control+Shift+F');
      await page.fill(byId('search-input'), 'x'.repeat(80));
      await page.waitForSelector('text=Nothing found');
      await idle(page);
    },
  ],
  [
    'search-failed',
    { wishes: { broken: 'search' } },
    async (page) => {
      await page.keyboard.press('Control+Shift+F');
      await page.fill(byId('search-input'), 'moth');
      await page.waitForSelector('text=The search did not work');
    },
  ],
  [
    'search-loading',
    { wishes: { hang: 'search' } },
    async (page) => {
      await page.keyboard.press('Control+Shift+F');
      await page.fill(byId('search-input'), 'moth');
      await page.waitForTimeout(500);
    },
  ],
  ['narrow-search', NARROW, (page) => look(page, 'the')],
  ['text-200-search', { text: 200 }, (page) => look(page, 'the', 'Engine room')],
  ['zh-search', zh, (page) => look(page, '机房')],
  ...[
    'profile',
    'notifications',
    'background',
    'appearance',
    'chats',
    'language',
    'devices',
    'about',
  ].map((section) => [
    `settings-${section}`,
    {},
    async (page) => {
      await page.keyboard.press('Control+,');
      await page.click(byId(`settings-${section}`));
      await idle(page);
    },
  ]),
  [
    'muted',
    {},
    async (page) => {
      await open(page, 'Engine room');
      await page.click(byId('details-button'));
      await page.click(byId('mute'));
      await page.keyboard.press('End');
      await page.keyboard.press('Enter');
      await page.waitForSelector(byId('unmute'));
    },
  ],
  ['shortcuts', {}, (page) => page.keyboard.press('?')],
  [
    'rejected',
    {},
    async (page) => {
      await open(page, 'Engine room');
      await page.evaluate(() => demo.reject(app.open.id, 'limit_reached'));
      await page.waitForSelector(byId('toast'));
    },
  ],
  ['narrow-list', NARROW],
  [
    'narrow-chat',
    NARROW,
    async (page) => {
      await open(page, 'Engine room');
      await page.hover('text=The new scheduler');
    },
  ],
  [
    'narrow-details',
    NARROW,
    async (page) => {
      await open(page, 'Engine room');
      await page.click(byId('details-button'));
    },
  ],
  ['narrow-settings', NARROW, (page) => page.keyboard.press('Control+,')],
  ['narrow-sign-in', { ...NARROW, wishes: { scene: 'sign-in' } }],
  ['text-200-list', { text: 200 }],
  ['text-200-chat', { text: 200 }, (page) => open(page, 'Engine room')],
  [
    'text-200-wide',
    { text: 200, width: 1900, height: 1000 },
    async (page) => {
      await open(page, 'Engine room');
      await page.click(byId('details-button'));
    },
  ],
  ['text-200-settings', { text: 200 }, (page) => page.keyboard.press('Control+,')],
  ['text-200-sign-in', { text: 200, wishes: { scene: 'sign-in' } }],
  ['zh-sign-in', { wishes: { scene: 'sign-in', lang: 'zh-CN' } }],
  [
    'zh-group',
    zh,
    async (page) => {
      await open(page, 'Engine room');
      await page.click(byId('details-button'));
    },
  ],
  [
    'zh-settings',
    zh,
    async (page) => {
      await page.keyboard.press('Control+,');
      await page.click(byId('settings-notifications'));
    },
  ],
  ['zh-palette', zh, (page) => page.keyboard.press('Control+k')],
  [
    'medium',
    { width: 900, height: 700 },
    async (page) => {
      await open(page, 'Engine room');
      await page.click(byId('details-button'));
    },
  ],
];
