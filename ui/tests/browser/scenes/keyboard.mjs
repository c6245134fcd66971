// A pass without a mouse.

import assert from 'node:assert/strict';
import { active, focusedText, tabTo, visible } from '../focus.mjs';
import { byId, idle } from '../page.mjs';

export const keyboard = {
  async 'from the sign-in to a sent message, a reaction and the settings, with the keyboard alone'(
    open,
  ) {
    const page = await open({ wishes: { scene: 'sign-in' } });
    await tabTo(page, 'server-input');
    await page.keyboard.type('kith.example.org');
    await tabTo(page, 'name-input');
    await page.keyboard.type('ada');
    await tabTo(page, 'password-input');
    await page.keyboard.type('correct horse');
    await page.keyboard.press('Enter');
    await page.waitForSelector(byId('conversation-item'));
    await tabTo(page, 'conversation-item');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    assert.match(await focusedText(page), /Alan Turing/);
    assert.ok(await visible(page));
    await page.keyboard.press('Enter');
    await idle(page);
    await page.waitForFunction(() => document.activeElement?.dataset.testid === 'composer-input');
    await page.keyboard.type('No mouse today');
    await page.keyboard.press('Enter');
    await page.waitForSelector(`${byId('message')}[data-state=read]:has-text("No mouse today")`);

    await page.keyboard.press('Shift+F6');
    assert.match(await focusedText(page), /No mouse today/);
    assert.ok(await visible(page));
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    assert.match(await focusedText(page), /Shall we say Monday/);
    await page.keyboard.press('Enter');
    await page.waitForSelector('[role=menu]');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await page.waitForSelector(byId('reaction'));
    await page.waitForFunction(() => document.activeElement?.dataset.testid === 'message');
    await page.keyboard.press('r');
    await page.waitForFunction(() => document.activeElement?.dataset.testid === 'composer-input');
    await page.keyboard.press('Escape');
    assert.equal(await page.locator(byId('reply-quote')).count(), 0);

    await page.keyboard.press('Control+,');
    await page.waitForFunction(() => document.activeElement?.dataset.testid === 'settings-profile');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Tab');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    assert.equal(await page.getAttribute('html', 'data-theme'), 'dark');
    for (let i = 0; i < 30; i++) {
      await page.keyboard.press('Tab');
      const inside = await page.evaluate(
        () =>
          document.activeElement === document.body ||
          document.activeElement.closest('dialog') !== null,
      );
      assert.ok(inside, 'the focus left the dialog');
    }
    await page.keyboard.press('Escape');
    await page.waitForSelector(byId('settings'), { state: 'detached' });
    assert.equal(await active(page), 'composer-input');
  },

  async 'Alt and arrows walk the conversations, F6 the parts of the window'(open) {
    const page = await open();
    await page.keyboard.press('Alt+ArrowDown');
    await idle(page);
    assert.equal(await page.textContent(byId('conversation-title')), 'Engine room');
    await page.keyboard.press('Alt+ArrowDown');
    await page.keyboard.press('Alt+ArrowDown');
    await idle(page);
    assert.equal(await page.textContent(byId('conversation-title')), 'Alan Turing');
    await page.keyboard.press('Alt+ArrowUp');
    await idle(page);
    assert.equal(await page.textContent(byId('conversation-title')), 'Grace Hopper');
    const walked = [];
    for (let i = 0; i < 3; i++) {
      await page.keyboard.press('F6');
      walked.push(await active(page));
    }
    assert.deepEqual(walked, ['conversation-item', 'message', 'composer-input']);
  },

  async 'the sheet of shortcuts opens with a question mark, which can still be written'(open) {
    const page = await open();
    await page.keyboard.press('?');
    await page.waitForSelector(byId('shortcut-sheet'));
    await page.keyboard.press('Escape');
    await page.keyboard.press('Alt+ArrowDown');
    await idle(page);
    await page.keyboard.type('Really?');
    assert.equal(await page.inputValue(byId('composer-input')), 'Really?');
    assert.equal(await page.locator(byId('shortcut-sheet')).count(), 0);
  },

  async 'every row says who, what, when and how far, and what comes is said once'(open) {
    const page = await open();
    await page.click(`${byId('conversation-item')}:has-text("Alan Turing")`);
    await idle(page);
    const label = await page.locator(byId('message')).last().getAttribute('aria-label');
    assert.match(label, /^You, Sounds right\. Monday then\?, \d\d:\d\d, Read$/);
    assert.equal(await page.textContent(byId('spoken')), '');
    await page.evaluate(() => demo.receive(app.open.id, 'alan', 'Splendid'));
    await page.waitForFunction(
      () => document.querySelector('[data-testid=spoken]').textContent === 'Alan Turing: Splendid',
    );
  },
};
