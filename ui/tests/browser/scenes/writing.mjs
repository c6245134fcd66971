// The composer.

import assert from 'node:assert/strict';
import { byId, conversation, idle } from '../page.mjs';

const field = byId('composer-input');
const lastOf = (page) => page.locator(byId('message')).last();
const openIn = async (page, name) => {
  await page.click(conversation(name));
  await idle(page);
};

export const writing = {
  async 'what is sent is there at once and its ticks turn until it is read'(open) {
    const page = await open();
    await openIn(page, 'Alan Turing');
    await page.evaluate(() => {
      window.states = [];
      new MutationObserver(() => {
        const state = [...document.querySelectorAll('[data-testid=message]')].at(-1)?.dataset.state;
        if (window.states.at(-1) !== state) window.states.push(state);
      }).observe(document.body, { subtree: true, childList: true, attributes: true });
    });
    await page.fill(field, 'Monday it is');
    await page.press(field, 'Enter');
    await page.waitForSelector(`${byId('message')}[data-state=read]:has-text("Monday it is")`);
    await idle(page);
    assert.deepEqual((await page.evaluate(() => window.states)).slice(-4), [
      'sending',
      'sent',
      'delivered',
      'read',
    ]);
    assert.equal(await page.inputValue(field), '');
    assert.equal(
      await page.locator('text=Monday it is').count(),
      2,
      'once in the timeline, once in the list',
    );
  },

  async 'several messages typed in a hurry keep their order'(open) {
    const page = await open();
    await openIn(page, 'Alan Turing');
    for (const text of ['one', 'two', 'three', 'four']) {
      await page.fill(field, text);
      await page.press(field, 'Enter');
    }
    await idle(page);
    const sent = await page.evaluate(() =>
      demo.calls.filter((c) => c.name === 'send_message').map((c) => c.args.text),
    );
    assert.deepEqual(sent, ['one', 'two', 'three', 'four']);
    const shown = await page.locator(`${byId('message')} p`).allTextContents();
    assert.deepEqual(shown.slice(-4), ['one', 'two', 'three', 'four']);
  },

  async 'Shift+Enter begins a new line, and the field grows with it'(open) {
    const page = await open();
    await openIn(page, 'Alan Turing');
    const height = () =>
      page.evaluate((s) => document.querySelector(s).getBoundingClientRect().height, field);
    const low = await height();
    await page.type(field, 'one');
    for (const line of ['two', 'three', 'four']) {
      await page.keyboard.press('Shift+Enter');
      await page.keyboard.type(line);
    }
    assert.equal(await page.inputValue(field), 'one\ntwo\nthree\nfour');
    assert.ok((await height()) > low * 2);
    await page.fill(field, 'x\n'.repeat(100));
    assert.ok((await height()) < 330);
  },

  async 'an input method that composes never sends'(open) {
    const page = await open();
    await openIn(page, 'Alan Turing');
    const session = await page.context().newCDPSession(page);
    await page.focus(field);
    await session.send('Input.imeSetComposition', {
      text: 'ni hao',
      selectionStart: 6,
      selectionEnd: 6,
    });
    await page.keyboard.press('Enter');
    await page.evaluate((s) => {
      const enter = (init) =>
        document.querySelector(s).dispatchEvent(
          new KeyboardEvent('keydown', {
            key: 'Enter',
            bubbles: true,
            cancelable: true,
            ...init,
          }),
        );
      enter({ isComposing: true });
      enter({ keyCode: 229 });
    }, field);
    assert.equal(
      await page.evaluate(() => demo.calls.filter((c) => c.name === 'send_message').length),
      0,
    );
    await session.send('Input.insertText', { text: '你好' });
    await page.keyboard.press('Enter');
    await idle(page);
    const sent = await page.evaluate(() =>
      demo.calls.filter((c) => c.name === 'send_message').map((c) => c.args.text),
    );
    assert.deepEqual(
      sent.map((text) => text.includes('你好')),
      [true],
    );
  },

  async 'a draft is saved within 300 ms of the key, and belongs to its conversation alone'(open) {
    const page = await open();
    await openIn(page, 'Alan Turing');
    await page.evaluate((s) => {
      const call = demo.call.bind(demo);
      demo.call = (name, args) => {
        if (name === 'save_draft') window.saved ??= performance.now();
        return call(name, args);
      };
      document.querySelector(s).addEventListener('input', () => {
        window.typed ??= performance.now();
      });
    }, field);
    await page.type(field, 'half a thought');
    await page.waitForFunction(() => window.saved);
    const after = await page.evaluate(() => window.saved - window.typed);
    assert.ok(after <= 300, `saved after ${after} ms`);
    await openIn(page, 'Grace Hopper');
    assert.equal(await page.inputValue(field), '');
    assert.match(await page.textContent(conversation('Alan Turing')), /Draft:\s*half a thought/);
    await openIn(page, 'Alan Turing');
    assert.equal(await page.inputValue(field), 'half a thought');
  },

  async 'a draft is saved on blur and when another conversation is opened at once'(open) {
    const page = await open();
    await openIn(page, 'Alan Turing');
    await page.type(field, 'quick');
    await page.evaluate(() =>
      document.querySelectorAll('[data-testid=conversation-item]')[0].click(),
    );
    await idle(page);
    assert.match(await page.textContent(conversation('Alan Turing')), /Draft:\s*quick/);
  },

  async 'a reply carries its quote, a draft of it too, and the quote jumps to its message'(open) {
    const page = await open();
    await openIn(page, 'Katherine Johnson');
    await page.focus('[data-seq="9990"]');
    await page.keyboard.press('r');
    await page.waitForSelector(byId('reply-quote'));
    await page.type(field, 'About that');
    await openIn(page, 'Grace Hopper');
    assert.equal(await page.locator(byId('reply-quote')).count(), 0);
    await openIn(page, 'Katherine Johnson');
    await page.waitForSelector(byId('reply-quote'));
    await page.press(field, 'Enter');
    await idle(page);
    assert.equal(
      await page.evaluate(
        () => demo.calls.findLast((c) => c.name === 'send_message').args.reply_to,
      ),
      9990,
    );
    await lastOf(page).locator('button.quote').click();
    await page.waitForSelector('[data-seq="9990"] .lit');
  },

  async 'a quote of something far away brings its place on screen'(open) {
    const page = await open();
    await page.evaluate(() => {
      const room = [...demo.rooms.values()].find((r) => r.title === 'Katherine Johnson');
      room.say(room.members[1].person, Date.now(), 'Remember this?', { replyTo: 77 });
    });
    await openIn(page, 'Katherine Johnson');
    await lastOf(page).locator('button.quote').click();
    await page.waitForSelector('[data-seq="77"] .lit');
    assert.ok(await page.isVisible('[data-seq="77"]'));
    await page.click(byId('jump-to-end'));
    await page.waitForSelector('text=Remember this?');
  },

  async 'ArrowUp edits the last message of one’s own, and Escape brings back what was being written'(
    open,
  ) {
    const page = await open();
    await openIn(page, 'Alan Turing');
    await page.press(field, 'ArrowUp');
    assert.equal(await page.inputValue(field), 'Sounds right. Monday then?');
    await page.press(field, 'Escape');
    assert.equal(await page.inputValue(field), '');
    await page.press(field, 'ArrowUp');
    await page.fill(field, 'Sounds right. Tuesday then?');
    await page.press(field, 'Enter');
    await idle(page);
    assert.match(await lastOf(page).textContent(), /Tuesday then\?.*edited/s);
    assert.equal(
      await page.evaluate(() => demo.calls.filter((c) => c.name === 'send_message').length),
      0,
    );
    assert.equal(
      await page.evaluate(
        () => demo.calls.filter((c) => c.name === 'save_draft' && c.args.text !== '').length,
      ),
      0,
    );
  },

  async 'offline a message waits, can be taken back, and goes once when the connection is there'(
    open,
  ) {
    const page = await open({ wishes: { scene: 'offline' } });
    await openIn(page, 'Alan Turing');
    for (const text of ['stays', 'goes away']) {
      await page.fill(field, text);
      await page.press(field, 'Enter');
    }
    await idle(page);
    assert.equal(await page.locator(`${byId('message')}[data-state=sending]`).count(), 2);
    await lastOf(page).click({ button: 'right' });
    await page.click('role=menuitem[name=/Take back/]');
    await idle(page);
    await page.evaluate(() => demo.connect('online'));
    await page.waitForSelector(`${byId('message')}[data-state=read]:has-text("stays")`);
    assert.equal(await page.locator(`${byId('message')}:has-text("goes away")`).count(), 0);
  },

  async 'a refused message stays with its reason, and goes again or is removed'(open) {
    const page = await open();
    await openIn(page, 'Alan Turing');
    await page.fill(field, 'fail this one');
    await page.press(field, 'Enter');
    await page.waitForSelector(
      `${byId('message')}[data-state=failed] >> text=This person cannot be written to.`,
    );
    await page.click(byId('retry-button'));
    await page.waitForSelector(`${byId('message')}[data-state=read]:has-text("fail this one")`);
    await page.fill(field, 'fail another one');
    await page.press(field, 'Enter');
    await page.click(byId('remove-button'));
    await idle(page);
    assert.equal(await page.locator(`${byId('message')}:has-text("fail another one")`).count(), 0);
  },

  async 'when the outbox cannot take a message its text comes back'(open) {
    const page = await open();
    await openIn(page, 'Alan Turing');
    await page.evaluate(() => demo.broken.set('send_message', 'storage'));
    await page.fill(field, 'precious words');
    await page.press(field, 'Enter');
    await page.waitForSelector('text=Is the disk full?');
    assert.equal(await page.inputValue(field), 'precious words');
  },

  async 'an emoji is put where the caret stands'(open) {
    const page = await open();
    await openIn(page, 'Alan Turing');
    await page.type(field, 'Well done');
    await page.keyboard.press('Home');
    await page.click('button[aria-label=Emoji]');
    await page.fill(`${byId('emoji-panel')} input`, 'tada');
    await page.waitForSelector('.grid button');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    assert.equal(await page.inputValue(field), '🎉Well done');
    assert.ok(
      await page.evaluate((s) => document.activeElement === document.querySelector(s), field),
    );
  },
};
