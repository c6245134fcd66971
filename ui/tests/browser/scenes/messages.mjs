// What can be done with messages, and what they can never do to the page.

import assert from 'node:assert/strict';
import { byId, conversation, idle } from '../page.mjs';

const message = (text) => `${byId('message')}:has-text("${text}")`;
const openIn = async (page, name) => {
  await page.click(conversation(name));
  await idle(page);
};
const menu = async (page, text, item) => {
  await page.click(`${message(text)} .bubble`, { button: 'right' });
  await page.click(`role=menuitem[name=/^${item}/]`);
};

export const messages = {
  async 'a reaction is added from the menu, taken back at the chip, and any emoji can be searched'(
    open,
  ) {
    const page = await open();
    await openIn(page, 'Engine room');
    await menu(page, 'Who has the key', 'React with 👍');
    const chip = page.locator(`${message('Who has the key')} ${byId('reaction')}`);
    await chip.waitFor();
    assert.equal(await chip.getAttribute('aria-pressed'), 'true');
    await chip.click();
    await chip.waitFor({ state: 'detached' });
    await page.hover(message('Who has the key'));
    await page.click(`${message('Who has the key')} button[aria-label=React]`);
    await page.fill(`${byId('emoji-panel')} input`, 'moth');
    await page.fill(`${byId('emoji-panel')} input`, 'bug');
    await page.waitForSelector('.grid button');
    await page.keyboard.press('Enter');
    await chip.waitFor();
    await page.waitForSelector(byId('emoji-panel'), { state: 'detached' });
  },

  async 'a deletion asks first, and leaves a line that says so'(open) {
    const page = await open();
    await openIn(page, 'Engine room');
    await menu(page, 'Lovely.', 'Delete');
    await page.keyboard.press('Escape');
    assert.equal(await page.locator(message('Lovely.')).count(), 1);
    await menu(page, 'Lovely.', 'Delete');
    await page.click(byId('confirm-button'));
    await page.waitForSelector('text=This message was deleted');
    assert.equal(await page.locator(message('Lovely.')).count(), 0);
  },

  async 'text is copied as it was written, and a message can be pinned and unpinned'(open) {
    const page = await open();
    await openIn(page, 'Engine room');
    await menu(page, 'On the hook', 'Copy');
    await page.waitForSelector('text=Copied');
    assert.equal(
      await page.evaluate(() => navigator.clipboard.readText()),
      'On the hook behind the door. **Please** put it back this time.',
    );
    await menu(page, 'On the hook', 'Pin');
    await page.waitForSelector(`${message('On the hook')} .pinned`);
    await menu(page, 'On the hook', 'Unpin');
    await page.waitForSelector(`${message('On the hook')} .pinned`, { state: 'detached' });
  },

  async 'who has read a message is told in full'(open) {
    const page = await open();
    await openIn(page, 'Engine room');
    await menu(page, 'Lovely.', 'Who has read it');
    const dialog = page.locator(byId('message-readers'));
    await dialog.locator('text=Read by 2').waitFor();
    assert.match(
      await dialog.textContent(),
      /Grace Hopper.*Alan Turing.*Delivered to 2.*Katherine.*Margaret.*Not there yet for 1.*李小龙/s,
    );
    await page.evaluate(() => demo.broken.set('message_readers', 'offline'));
    await page.keyboard.press('Escape');
    await menu(page, 'Lovely.', 'Who has read it');
    await dialog.locator('text=There is no connection to the server.').waitFor();
  },

  async 'only what one may do is offered'(open) {
    const page = await open();
    await openIn(page, 'Grace Hopper');
    await page.click(`${message('Flat, and famous')} .bubble`, { button: 'right' });
    const items = await page.locator('[role=menu] .items [role=menuitem] .name').allTextContents();
    assert.deepEqual(items, ['React', 'Reply', 'Copy text', 'Pin', 'Who has read it']);
    await page.keyboard.press('Escape');
    await openIn(page, 'Lunch');
    await page.click(`${message('Soup today')} .bubble`, { button: 'right' });
    assert.deepEqual(
      await page.locator('[role=menu] .items [role=menuitem] .name').allTextContents(),
      ['Copy text', 'Who has read it'],
    );
    assert.equal(await page.locator(byId('composer-input')).count(), 0);
  },

  async 'what was refused is said'(open) {
    const page = await open();
    await openIn(page, 'Engine room');
    await page.evaluate(() => demo.reject(app.open.id, 'limit_reached'));
    await page.waitForSelector(`${byId('toast')} >> text=There are too many of them already.`);
    await page.evaluate(() => demo.broken.set('pin', 'not_allowed'));
    await menu(page, 'On the hook', 'Pin');
    await page.waitForSelector(`${byId('toast')} >> text=Your role does not allow that.`);
  },

  async row_45_hostile_texts_and_names_are_plain_text_and_never_markup_of_the_page(open) {
    const page = await open();
    await openIn(page, 'A very long name');
    const texts = await page.textContent(byId('timeline'));
    assert.ok(
      texts.includes('<script>alert(1)</script> <b>not bold</b> &amp; [x](javascript:alert(1))'),
    );
    assert.ok(texts.includes('<b>Mallory</b> <img src=x onerror=alert(1)>'));
    assert.equal(
      await page
        .locator('#app script, #app b:has-text("not bold"), #app b:text-is("Mallory"), #app img')
        .count(),
      0,
    );
    await page.evaluate(() => {
      demo.receive(app.open.id, 'mallory', 'look');
      const room = demo.rooms.get(app.open.id);
      const row = room.rows.findLast((r) => r.body.text === 'look');
      row.body.blocks = [
        'javascript:alert(1)',
        'data:text/html,x',
        ' javascript:alert(1)',
        'file:///etc/passwd',
        'https://kith.example.org/ok',
      ].map((url) => ({
        type: 'paragraph',
        spans: [{ type: 'link', url, spans: [{ type: 'text', text: url }] }],
      }));
      demo.call('react', { conversation: app.open.id, seq: row.seq, emoji: '👍', on: true });
    });
    await page.waitForSelector('text=file:///etc/passwd');
    const links = await page
      .locator(`${byId('timeline')} a`)
      .evaluateAll((all) => all.map((a) => [a.href, a.rel, a.target]));
    assert.deepEqual(links, [
      ['https://kith.example.org/ok', 'noopener noreferrer nofollow', '_blank'],
    ]);
  },

  async 'long words, long names and emoji make nothing wider than the window'(open) {
    for (const options of [
      {},
      { width: 400, height: 780 },
      { text: 200 },
      { width: 400, height: 780, text: 200 },
    ]) {
      const page = await open(options);
      await openIn(page, 'A very long name');
      await page.click(byId('details-button'));
      const wide = await page.evaluate(() => {
        const limit = document.documentElement.clientWidth;
        return [...document.querySelectorAll('#app *')]
          .filter((e) => {
            const box = e.getBoundingClientRect();
            return (
              box.width > 0 &&
              !e.closest('.spoken, pre') &&
              (box.right > limit + 1 || box.left < -1)
            );
          })
          .map((e) => `${e.tagName}.${e.className}`);
      });
      assert.deepEqual(wide, []);
    }
  },
};
