// Searching messages, and the pinned ones.

import assert from 'node:assert/strict';
import { byId, conversation, idle } from '../page.mjs';

const RESULT = byId('search-result');
const type = async (page, text) => {
  await page.fill(byId('search-input'), text);
  await idle(page);
};
const texts = (page) => page.locator(`${RESULT} .snippet`).allTextContents();
const hits = (page) => page.locator(`${RESULT} mark`).allTextContents();
/** The message that was jumped to is lit up for a moment. */
const lit = (page, text) => page.waitForSelector(`.bubble.lit:has-text("${text}")`);
const focused = (page) => page.evaluate(() => document.activeElement?.dataset.testid);

/** Enter and Escape while an input method composes, as some engines tell them. */
const compose = async (page, id) => {
  await page.evaluate((id) => {
    const field = document.querySelector(`[data-testid=${id}]`);
    const key = (name) =>
      new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true, keyCode: 229 });
    field.dispatchEvent(new CompositionEvent('compositionstart'));
    field.dispatchEvent(key('Enter'));
    field.dispatchEvent(key('Escape'));
    field.dispatchEvent(new CompositionEvent('compositionend'));
  }, id);
  await idle(page);
};

export const search = {
  async 'the field above the list opens the search; what is found is named, marked and counted'(
    open,
  ) {
    const page = await open();
    await page.click(byId('search-button'));
    assert.equal(await focused(page), 'search-input');
    await type(page, 'moth logbook');
    assert.deepEqual(await texts(page), ['The moth is in the logbook, page 92']);
    assert.deepEqual(await hits(page), ['moth', 'logbook']);
    assert.match(await page.textContent(RESULT), /Grace Hopper/);
    assert.equal(await page.textContent(byId('search-count')), '1 message');
    assert.match(await page.textContent(byId('search-coverage')), /All messages are searched/);
    await page.click(RESULT);
    await idle(page);
    assert.equal(await page.textContent(byId('conversation-title')), 'Grace Hopper');
    await lit(page, 'page 92');
  },

  async 'a Chinese word of two characters is found'(open) {
    const page = await open();
    await page.keyboard.press('Control+Shift+F');
    await type(page, '机房');
    assert.deepEqual(await hits(page), ['机房']);
    await page.keyboard.press('Enter');
    await lit(page, '新的机房怎么样');
  },

  async 'arrows choose, Enter goes there and stays in the search, Escape gives the list back'(
    open,
  ) {
    const page = await open();
    await page.keyboard.press('Control+Shift+F');
    await type(page, 'reading 99');
    assert.ok((await page.locator(RESULT).count()) > 20);
    const active = () => page.getAttribute(`${RESULT}[aria-selected=true]`, 'data-seq');
    const first = await active();
    await page.keyboard.press('Enter');
    await page.waitForSelector(`${byId('message')}[data-seq="${first}"]`);
    assert.equal(await focused(page), 'search-input');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    const third = await active();
    assert.notEqual(third, first);
    await page.keyboard.press('Enter');
    await page.waitForSelector(`${byId('message')}[data-seq="${third}"]`);
    const id = await page.getAttribute(byId('search-input'), 'aria-activedescendant');
    assert.equal(await page.getAttribute(`[id="${id}"]`, 'data-seq'), third);
    await page.keyboard.press('Escape');
    await page.waitForSelector(byId('conversation-item'));
    assert.equal(await page.locator(byId('search')).count(), 0);
    assert.equal(await focused(page), 'composer-input');
  },

  async 'in a conversation only its messages are found, until one looks everywhere'(open) {
    const page = await open();
    await page.click(conversation('Engine room'));
    await idle(page);
    await page.keyboard.press('Control+f');
    await type(page, 'the');
    const rooms = () =>
      page.$$eval(RESULT, (all) => [...new Set(all.map((e) => e.dataset.conversation))]);
    assert.equal((await rooms()).length, 1);
    const inside = await page.locator(RESULT).count();
    await page.click(`${byId('search-scope')} [data-value=all]`);
    await idle(page);
    assert.ok((await rooms()).length > 1);
    assert.ok((await page.locator(RESULT).count()) > inside);
    await page.click(byId('search-here-button'));
    await idle(page);
    assert.equal(await page.locator(RESULT).count(), inside);
    assert.equal(await page.inputValue(byId('search-input')), 'the');
  },

  async 'conversations whose name fits stand above, and are gone to as well'(open) {
    const page = await open();
    await page.click(byId('search-button'));
    await type(page, 'engine');
    assert.match(await page.textContent(byId('search-conversation')), /Engine room/);
    await page.keyboard.press('Enter');
    await idle(page);
    assert.equal(await page.textContent(byId('conversation-title')), 'Engine room');
  },

  async 'of many results a page is shown, and more come when one scrolls or goes on with the keys'(
    open,
  ) {
    const page = await open();
    await page.click(byId('search-button'));
    await type(page, 'good');
    assert.equal(await page.locator(RESULT).count(), 40);
    assert.equal(await page.textContent(byId('search-count')), 'More than 40 messages');
    await page.$eval('.results', (e) => e.scrollTo(0, e.scrollHeight));
    await page.waitForFunction(
      () => document.querySelectorAll('[data-testid=search-result]').length === 80,
    );
    for (let i = 0; i < 15; i++) await page.keyboard.press('PageDown');
    await page.waitForFunction(
      () => document.querySelectorAll('[data-testid=search-result]').length >= 120,
    );
    const inView = await page.$eval(`${RESULT}[aria-selected=true]`, (e) => {
      const [box, around] = [e, e.closest('.results')].map((x) => x.getBoundingClientRect());
      return box.top >= around.top - 1 && box.bottom <= around.bottom + 1;
    });
    assert.ok(inView);
  },

  async 'nothing typed, nothing found and a failure each say so, and it can be tried again'(open) {
    const page = await open();
    await page.click(byId('search-button'));
    await page.waitForSelector('text=Quotation marks');
    await type(page, 'zzz qqq');
    await page.waitForSelector('text=No message here has “zzz qqq”.');
    assert.equal(await page.textContent(byId('search-count')), 'Nothing found');
    await page.evaluate(() => demo.broken.set('search', 'storage'));
    await type(page, 'moth');
    await page.waitForSelector('text=The search did not work.');
    await page.evaluate(() => demo.broken.clear());
    await page.click('text=Try again');
    await page.waitForSelector(RESULT);
  },

  async 'what is not here yet is said, and found as soon as it has come'(open) {
    const page = await open();
    await page.evaluate(() => {
      demo.coverage = {
        complete: false,
        since: Date.parse('2024-03-12T12:00:00Z'),
        coming: true,
        indexing: false,
      };
    });
    await page.click(byId('search-button'));
    await type(page, 'a word of long ago');
    const coverage = () => page.textContent(byId('search-coverage'));
    assert.match(await coverage(), /All messages since 12 March are searched. Older ones are on/);
    await page.evaluate(() => demo.connect('offline'));
    await page.waitForSelector('text=Older ones need a connection.');
    await page.evaluate(() => {
      demo.connect('online');
      demo.coverage = { complete: true, since: null, coming: false, indexing: false };
      const room = [...demo.rooms.values()].find((r) => r.title === 'Alan Turing');
      demo.receive(room.id, 'alan', 'A word of long ago');
    });
    await page.waitForSelector(RESULT);
    assert.match(await coverage(), /All messages are searched/);
  },

  async 'the palette leads to the search for what was typed there'(open) {
    const page = await open();
    await page.keyboard.press('Control+k');
    await page.fill(byId('palette-input'), 'logbook');
    await page.click('text=Search messages for “logbook”');
    await idle(page);
    assert.equal(await page.inputValue(byId('search-input')), 'logbook');
    assert.equal(await page.locator(RESULT).count(), 1);
  },

  async 'where only one pane fits, the search and the message take turns'(open) {
    const page = await open({ width: 400, height: 780 });
    await page.click(conversation('Engine room'));
    await page.click(byId('search-here-button'));
    assert.ok(!(await page.isVisible(byId('composer-input'))));
    await type(page, 'scheduler');
    await page.keyboard.press('Enter');
    await page.waitForSelector(byId('composer-input'), { state: 'visible' });
    await lit(page, 'The new scheduler');
    assert.ok(!(await page.isVisible(RESULT)));
    await page.keyboard.press('Escape');
    await page.waitForSelector(RESULT, { state: 'visible' });
    assert.equal(await page.inputValue(byId('search-input')), 'scheduler');
    await page.click(byId('search-close'));
    await page.waitForSelector(byId('conversation-item'), { state: 'visible' });
  },

  async 'an input method is left alone while it composes'(open) {
    const page = await open();
    await page.click(byId('search-button'));
    await type(page, 'moth');
    await compose(page, 'search-input');
    assert.equal(await page.locator(byId('search')).count(), 1);
    await page.click(byId('search-close'));
    for (const [keys, field, option] of [
      ['Control+k', 'palette-input', 'palette-option'],
      ['Control+n', 'people-search', 'person-option'],
    ]) {
      await page.keyboard.press(keys);
      await page.fill(byId(field), 'gr');
      await page.waitForSelector(byId(option));
      await compose(page, field);
      assert.equal(await page.locator(byId(field)).count(), 1, `${field} is gone`);
      await page.keyboard.press('Escape');
    }
    assert.equal(await page.locator(byId('conversation-title')).count(), 0);
  },

  async 'pinned messages are listed in the details and lead to their place'(open) {
    const page = await open();
    await page.click(conversation('Engine room'));
    await idle(page);
    await page.click(byId('details-button'));
    const pinned = byId('pinned-message');
    assert.match(await page.textContent(pinned), /Katherine Johnson.*Minutes of yesterday/s);
    await page.focus(`${byId('message')}:has-text("I always do")`);
    await page.keyboard.press('p');
    await page.waitForFunction(
      () => document.querySelectorAll('[data-testid=pinned-message]').length === 2,
    );
    await page.click(`${pinned}:has-text("Minutes")`);
    await page.waitForSelector('.bubble.lit:has-text("Minutes of yesterday")');
  },
};
