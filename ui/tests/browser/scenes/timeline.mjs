// Where the timeline stands, whatever comes.

import assert from 'node:assert/strict';
import { byId, conversation, idle } from '../page.mjs';
import { alive, fromEnd, places, settle, travel } from '../places.mjs';

const scroll = (page, by) =>
  page.evaluate((y) => document.querySelector('[data-testid=timeline]').scrollBy(0, y), by);
const openIn = async (page, name) => {
  await page.click(conversation(name));
  await idle(page);
};
const receive = (page, text) =>
  page.evaluate((t) => demo.receive(app.open.id, 'katherine', t), text);

export const timeline = {
  async 'a conversation opens at the first unread message, with the line, and what is seen is read'(
    open,
  ) {
    const page = await open();
    await openIn(page, 'Engine room');
    const first = page.locator('[data-first-unread]');
    assert.match(await first.textContent(), /New messages.*It does\. I pulled the plug/s);
    await page.waitForSelector(`${conversation('Engine room')} ${byId('unread-badge')}`, {
      state: 'detached',
    });
    assert.ok(await first.isVisible());
  },

  async 'in a long unread stretch the line stands near the top with a few read lines above'(open) {
    const page = await open();
    await page.evaluate(() => {
      [...demo.rooms.values()].find((r) => r.title === 'Katherine Johnson').read = 5000;
    });
    await openIn(page, 'Katherine Johnson');
    const place = await page.evaluate(() => {
      const box = document.querySelector('[data-testid=timeline]').getBoundingClientRect();
      return (
        (document.querySelector('[data-testid=first-unread]').getBoundingClientRect().top -
          box.top) /
        box.height
      );
    });
    assert.ok(place > 0.1 && place < 0.4, `the line stands at ${place}`);
    await page.waitForFunction(() => demo.calls.some((c) => c.name === 'mark_read'));
    const marked = await page.evaluate(
      () => demo.calls.findLast((c) => c.name === 'mark_read').args.seq,
    );
    assert.ok(marked > 5000 && marked < 5060, `marked up to ${marked}, which nobody can have seen`);
  },

  async 'ten thousand messages are scrolled with the place kept to the pixel and few rows alive'(
    open,
  ) {
    const page = await open();
    await openIn(page, 'Katherine Johnson');
    assert.ok((await fromEnd(page)) < 1);
    const loads = await travel(page, 1, -2600);
    assert.ok(loads > 100, `only ${loads} pages were loaded`);
    await page.waitForSelector('text=This is the beginning.');
  },

  async 'scrolling down again loads what was let go, and ends at the end'(open) {
    const page = await open();
    await openIn(page, 'Katherine Johnson');
    await travel(page, 9700, -3000);
    assert.equal(await page.locator('[data-seq="10000"]').count(), 0);
    assert.ok((await travel(page, 10_000, 1000)) > 0);
  },

  async 'what comes while one reads above moves nothing, and the pill says how much'(open) {
    const page = await open();
    await openIn(page, 'Katherine Johnson');
    await scroll(page, -1500);
    await settle(page);
    const before = await places(page);
    await receive(page, 'First of two');
    await receive(page, 'Second of two');
    await idle(page);
    const after = await places(page);
    for (const [key, y] of Object.entries(before))
      if (key in after) assert.ok(Math.abs(after[key] - y) < 1);
    await page.waitForSelector(`${byId('jump-to-end')} >> text=2 new`);
    await page.click(byId('jump-to-end'));
    await idle(page);
    assert.ok((await fromEnd(page)) < 1);
    await page.waitForSelector(byId('jump-to-end'), { state: 'detached' });
    assert.equal(
      await page.locator(`${conversation('Katherine Johnson')} ${byId('unread-badge')}`).count(),
      0,
    );
  },

  async 'whoever stands at the end goes along, also for hundreds of messages'(open) {
    const page = await open();
    await openIn(page, 'Katherine Johnson');
    for (let i = 0; i < 300; i++) await receive(page, `Burst ${i}`);
    await idle(page);
    assert.ok((await fromEnd(page)) < 1);
    assert.ok((await alive(page)) < 300);
    await page.waitForSelector('text=Burst 299');
  },

  async 'a reaction above and another window size keep the place'(open) {
    const page = await open();
    await openIn(page, 'Katherine Johnson');
    await scroll(page, -2500);
    await settle(page);
    const before = await places(page);
    const above = await page.evaluate(() => {
      const top = document.querySelector('[data-testid=timeline]').getBoundingClientRect().top;
      const rows = [...document.querySelectorAll('[data-testid=message]')];
      const row = rows.findLast((r) => r.getBoundingClientRect().bottom < top);
      return Number(row.dataset.seq);
    });
    await page.evaluate(
      (seq) => demo.call('react', { conversation: app.open.id, seq, emoji: '👍', on: true }),
      above,
    );
    await idle(page);
    const after = await places(page);
    for (const [key, y] of Object.entries(before)) {
      if (y > 0 && y < 600)
        assert.ok(Math.abs(after[key] - y) < 1, 'the reaction moved what is read');
    }
    const [top] = Object.entries(after).find(([, y]) => y >= 0);
    const was = after[top];
    await page.setViewportSize({ width: 900, height: 860 });
    await page.waitForTimeout(50);
    assert.ok(
      Math.abs((await places(page))[top] - was) < 1.5,
      'the other width moved what is read',
    );
  },

  async 'when the stream of changes begins again, what one reads stays where it is'(open) {
    const page = await open();
    await openIn(page, 'Katherine Johnson');
    const restart = (text) =>
      page.evaluate((t) => demo.restart(() => demo.receive(app.open.id, 'katherine', t)), text);
    const stays = async (text) => {
      const before = await places(page);
      await restart(text);
      await idle(page);
      const after = await places(page);
      const onScreen = Object.entries(before).filter(([, y]) => y > 0 && y < 600);
      assert.ok(onScreen.length > 4);
      for (const [key, y] of onScreen)
        assert.ok(Math.abs(after[key] - y) < 1, `${key} moved from ${y} to ${after[key]}`);
    };
    await scroll(page, -1500);
    await settle(page);
    await stays('While one reads a little above');
    await page.waitForSelector(`${byId('jump-to-end')} >> text=1 new`);
    await travel(page, 9400, -2600);
    await stays('While one reads far above');
    assert.ok((await travel(page, 9300, -900)) > 0);

    // Whoever stands at the end goes along.
    await page.click(byId('jump-to-end'));
    await idle(page);
    await restart('While one reads the newest');
    await idle(page);
    assert.ok((await fromEnd(page)) < 1);
    await page.waitForSelector('text=While one reads the newest');
  },

  async 'a gap says how much is missing and goes once it is filled'(open) {
    const page = await open();
    const id = await page.evaluate(() => {
      const room = [...demo.rooms.values()].find((r) => r.title === 'Katherine Johnson');
      demo.gap(room.id, 9900, 80);
      return room.id;
    });
    await openIn(page, 'Katherine Johnson');
    await scroll(page, -100_000);
    await page.waitForSelector('text=Loading 80 messages…', { state: 'attached' });
    await page.waitForFunction(
      (c) => demo.calls.some((x) => x.name === 'load_rows' && x.args.conversation === c),
      id,
    );
  },

  async 'what cannot be loaded can be tried again'(open) {
    const page = await open();
    await openIn(page, 'Katherine Johnson');
    await page.evaluate(() => demo.broken.set('load_rows', 'storage'));
    await scroll(page, -100_000);
    await page.waitForSelector('text=Kith cannot write its files');
    await page.evaluate(() => demo.broken.clear());
    await page.click(`${byId('timeline')} >> text=Try again`);
    await idle(page);
    assert.equal(await page.locator(`${byId('timeline')} >> text=Try again`).count(), 0);

    const other = await open({ wishes: { broken: 'open_conversation' } });
    await openIn(other, 'Engine room');
    await other.waitForSelector('text=This conversation could not be opened.');
    await other.evaluate(() => demo.broken.clear());
    await other.click('text=Try again');
    await other.waitForSelector('text=The new scheduler');
  },

  async 'the last of two quick choices wins'(open) {
    const page = await open();
    await page.evaluate(() => {
      const rows = [...document.querySelectorAll('[data-testid=conversation-item]')];
      rows[2].click();
      rows[0].click();
      rows[1].click();
    });
    await idle(page);
    assert.equal(await page.textContent(byId('conversation-title')), 'Grace Hopper');
    await page.waitForSelector(`${byId('timeline')} >> text=The moth is in the logbook`);
    assert.equal(await page.locator('text=The new scheduler').count(), 0);
  },
};
