// The list of conversations.

import assert from 'node:assert/strict';
import { byId, conversation, idle } from '../page.mjs';

const titles = (page) => page.locator(`${byId('conversation-item')} .title`).allTextContents();
/** The rows in the order in which they are seen; in the document they may stand in another. */
const seen = async (page) => {
  const rows = await page.evaluate(() =>
    [...document.querySelectorAll('[data-testid=conversation-item]')]
      .map((row) => [row.getBoundingClientRect().top, row.querySelector('.title').textContent])
      .sort((a, b) => a[0] - b[0]),
  );
  return rows.map(([, title]) => title);
};

export const list = {
  async 'a conversation in which something happens comes to the top, with its text and its count'(
    open,
  ) {
    const page = await open();
    assert.equal((await seen(page))[0], 'Engine room');
    await page.evaluate(() =>
      demo.receive(
        [...demo.rooms.values()].find((r) => r.title === 'Alan Turing').id,
        'alan',
        'Tea?',
      ),
    );
    await idle(page);
    assert.deepEqual((await seen(page)).slice(0, 2), ['Alan Turing', 'Engine room']);
    const row = page.locator(conversation('Alan Turing'));
    assert.match(await row.textContent(), /Tea\?/);
    assert.equal(await row.locator(byId('unread-badge')).textContent(), '1');
    assert.match(await page.title(), /^\(5\) /);
  },

  async 'typing and drafts stand where the last message stood'(open) {
    const page = await open();
    assert.match(
      await page.textContent(conversation('Margaret')),
      /Draft:\s*about the priority displays/,
    );
    await page.evaluate(() =>
      demo.type([...demo.rooms.values()].find((r) => r.title === 'Engine room').id, ['Grace']),
    );
    await page.waitForSelector(`${conversation('Engine room')} >> text=Grace is typing…`);
  },

  async 'the filters show what is unread, or groups'(open) {
    const page = await open();
    await page.click('[data-value=unread]');
    assert.deepEqual(await seen(page), ['Engine room', 'Grace Hopper']);
    await page.click('[data-value=groups]');
    assert.equal((await titles(page)).length, 3);
    await page.click('[data-value=all]');
    assert.equal((await titles(page)).length, 9);
  },

  async 'of two thousand conversations only those near the view are alive, and the keys reach the last'(
    open,
  ) {
    const page = await open({ wishes: { scene: 'many' } });
    assert.ok((await titles(page)).length < 40);
    await page.focus(byId('conversation-item'));
    await page.keyboard.press('End');
    await page.waitForFunction(() => document.activeElement?.textContent?.includes('Person 1999'));
    assert.ok((await titles(page)).length < 40);
    await page.keyboard.press('Home');
    await page.waitForFunction(() => document.activeElement?.textContent?.includes('Engine room'));
  },

  async 'an empty list, one that is still being fetched, and one that failed each say so'(open) {
    const empty = await open({ wishes: { scene: 'empty' } });
    await empty.waitForSelector('text=Say hello to somebody');
    const syncing = await open({ wishes: { scene: 'syncing' } });
    await syncing.waitForSelector('text=Getting your conversations…');
    const broken = await open({ wishes: { broken: 'list_conversations' } });
    await broken.waitForSelector('text=Your conversations could not be read.');
    await broken.evaluate(() => demo.broken.clear());
    await broken.click('text=Try again');
    await broken.waitForSelector(byId('conversation-item'));
  },

  async 'the connection is told where one looks, and offline also above the composer'(open) {
    const page = await open();
    const state = () => page.getAttribute(byId('connection-status'), 'data-state');
    await page.click(conversation('Engine room'));
    assert.equal(await page.locator(byId('offline-strip')).count(), 0);
    await page.evaluate(() => demo.connect('offline'));
    await page.waitForSelector(byId('offline-strip'));
    assert.equal(await state(), 'offline');
    await page.evaluate(() => demo.connect('connecting'));
    await page.waitForSelector('text=Connecting…');
    assert.equal(await state(), 'connecting');
    await page.evaluate(() => demo.connect('online'));
    await page.waitForSelector(byId('offline-strip'), { state: 'detached' });
  },

  async 'where only one pane fits, the list and the conversation take turns'(open) {
    const page = await open({ width: 400, height: 780 });
    await page.click(conversation('Engine room'));
    await page.waitForSelector(byId('composer-input'));
    assert.ok(!(await page.isVisible(byId('conversation-item'))));
    await page.click(byId('back-button'));
    assert.ok(await page.isVisible(byId('conversation-item')));
    await page.click(conversation('Grace Hopper'));
    await page.keyboard.press('Escape');
    await page.waitForSelector(byId('conversation-item'), { state: 'visible' });
  },
};
