// What the window around the page brings: notifications that lead somewhere, mutes, the background.

import assert from 'node:assert/strict';
import { byId, conversation, idle } from '../page.mjs';

const lastCall = (page, name) =>
  page.evaluate((n) => demo.calls.findLast((c) => c.name === n)?.args, name);
const roomId = (page, title) =>
  page.evaluate((t) => [...demo.rooms.values()].find((room) => room.item().title === t).id, title);

export const windowScenes = {
  async 'a click on a notification leads to its message, from anywhere'(open) {
    const page = await open();
    const id = await roomId(page, 'Engine room');
    await page.keyboard.press('Control+,');
    await page.evaluate((room) => demo.clickNotification(room, 3), id);
    await page.waitForSelector(`${byId('message')}[data-seq="3"]`);
    await idle(page);
    assert.equal(await page.textContent(byId('conversation-title')), 'Engine room');
    assert.equal(await page.locator(byId('settings')).count(), 0);
    assert.ok(await page.isVisible(`${byId('message')}[data-seq="3"]`));
    // It led there once.
    await page.click(conversation('Grace Hopper'));
    await idle(page);
    assert.equal(await page.textContent(byId('conversation-title')), 'Grace Hopper');
  },

  async 'the client knows what is before the eyes, and when nothing is'(open) {
    const page = await open();
    await idle(page);
    assert.deepEqual(await lastCall(page, 'looks_at'), { focused: true, conversation: null });
    const id = await roomId(page, 'Engine room');
    await page.click(conversation('Engine room'));
    await page.waitForFunction(
      (room) => demo.calls.findLast((c) => c.name === 'looks_at').args.conversation === room,
      id,
    );
    await page.evaluate(() => {
      document.hasFocus = () => false;
      window.dispatchEvent(new Event('blur'));
    });
    assert.deepEqual(await lastCall(page, 'looks_at'), { focused: false, conversation: null });
  },

  async 'whoever reads older messages does not look at the newest'(open) {
    const page = await open();
    await page.click(conversation('Engine room'));
    await page.waitForFunction(
      () => demo.calls.findLast((c) => c.name === 'looks_at').args.conversation !== null,
    );
    await page.evaluate(() => {
      document.querySelector('[data-testid=timeline]').scrollTop = 0;
    });
    await page.waitForFunction(
      () => demo.calls.findLast((c) => c.name === 'looks_at').args.conversation === null,
    );
  },

  async 'a conversation is muted for a while, and not any more'(open) {
    const page = await open();
    await page.click(conversation('Engine room'));
    await page.click(byId('details-button'));
    await page.click(byId('mute'));
    await page.click('role=menuitem[name="For 8 hours"]');
    await page.waitForSelector(`${conversation('Engine room')} [aria-label=Muted]`);
    const { until } = await lastCall(page, 'mute_conversation');
    const hours = (until - (await page.evaluate(() => Date.now()))) / 3_600_000;
    assert.ok(hours > 7.9 && hours <= 8, `${hours} hours`);
    await page.click(byId('unmute'));
    await page.waitForSelector(byId('mute'));
    assert.equal((await lastCall(page, 'mute_conversation')).until, null);
    assert.equal(await page.locator('[aria-label=Muted]').count(), 0);
  },

  async 'the app goes on in the background, starts by itself and is quit, as one wants'(open) {
    const page = await open();
    await page.keyboard.press('Control+,');
    await page.click(byId('settings-background'));
    await page.click(byId('close-to-tray'));
    await page.click(byId('autostart'));
    await idle(page);
    const { autostart, close_to_tray } = await lastCall(page, 'change_settings');
    assert.deepEqual({ autostart, close_to_tray }, { autostart: true, close_to_tray: false });
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+q');
    await page.waitForFunction(() => demo.calls.some((c) => c.name === 'quit'));
  },

  async 'in a browser nothing is offered that needs a window'(open) {
    const page = await open({ wishes: { desktop: 'no' } });
    await page.keyboard.press('Control+,');
    await page.waitForSelector(byId('settings-notifications'));
    assert.equal(await page.locator(byId('settings-background')).count(), 0);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+k');
    await page.fill(byId('palette-input'), 'quit');
    await page.waitForSelector('text=Nothing found');
  },
};
