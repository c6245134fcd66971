// Every view of somebody who is signed in, looked at in light and dark.

import { byId, conversation } from '../../browser/page.mjs';
import { field, message } from '../world.mjs';

/** A server with a group and a direct conversation in which something was said. */
async function furnished(begin) {
  const world = await begin();
  const grace = await world.person('grace', 'Grace Hopper');
  const ada = await world.person('ada', 'Ada Lovelace');
  const idOf = async (who) => (await who.bridge.call('get_state')).account.person.id;
  const direct = await grace.bridge.call('open_direct', { user: await idOf(ada) });
  const members = [await idOf(grace)];
  const group = await ada.bridge.call('create_group', { title: 'Engine room', members });
  const say = (bridge, { conversation }, text) =>
    bridge.call('send_message', { conversation, text, reply_to: null });
  await say(ada.bridge, group, 'The new scheduler is in: `exec(1202)` and **no more alarms**.');
  await grace.sees(conversation('Engine room'));
  await say(grace.bridge, group, 'مرحبا، كيف الحال؟ 你好 👋');
  await say(grace.bridge, group, 'See https://example.org/logbook\n\n```\nCADR LADQSAVE\n```');
  await say(grace.bridge, direct, 'The moth is in the logbook now.');
  await ada.sees(`${conversation('Grace Hopper')}:has-text("moth")`);
  await ada.sees(`${conversation('Engine room')}:has-text("logbook")`);
  await ada.settles();
  return { world, ada, grace };
}

/** A view, what leads to it, and what leads back. */
async function visit(ada, views) {
  for (const [name, there, back] of views) {
    await there();
    await ada.looks(name);
    await back?.();
  }
}

export const views = {
  async 'every view of conversations is in order, light and dark'(begin) {
    const { ada } = await furnished(begin);
    const { page } = ada;
    const cancel = () => page.keyboard.press('Escape');
    const menu = (text) => page.click(`${message(text)} .bubble`, { button: 'right' });
    const closes = (what) => async () => {
      await cancel();
      await ada.seesNo(what);
    };
    await visit(ada, [
      ['nothing-open', async () => {}],
      ['engine-room', () => ada.opens('Engine room')],
      [
        'group-details',
        async () => {
          await page.click(byId('details-button'));
          await ada.sees(byId('member'));
        },
      ],
      [
        'member-menu',
        async () => {
          await page.click(byId('member-menu'));
          await ada.sees('[role=menu]');
        },
        closes('[role=menu]'),
      ],
      ['add-people', () => page.click(byId('add-people')), closes('dialog[open]')],
      ['rename', () => page.click(byId('rename-group')), closes('dialog[open]')],
      ['leave', () => page.click(byId('leave-group')), closes('dialog[open]')],
      [
        'message-menu',
        async () => {
          await page.click(byId('details-button'));
          await menu('logbook');
          await ada.sees('[role=menu]');
        },
        closes('[role=menu]'),
      ],
      [
        'pinned',
        async () => {
          await ada.chooses('logbook', 'Pin');
          await ada.sees(`${message('logbook')} .pinned`);
        },
      ],
      [
        'readers',
        async () => {
          await ada.chooses('scheduler', 'Who has read');
          await ada.sees(byId('message-readers'));
        },
        closes(byId('message-readers')),
      ],
      [
        'emoji',
        async () => {
          await page.click('button[aria-label=Emoji]');
          await page.fill(`${byId('emoji-panel')} input`, 'moth');
          await ada.sees('.grid button');
        },
        closes(byId('emoji-panel')),
      ],
      [
        'reply',
        async () => {
          await ada.chooses('logbook', 'Reply');
          await page.fill(field, 'Page 92 it is.\nI shall bring the tape.');
        },
      ],
      [
        'direct-details',
        async () => {
          await ada.opens('Grace Hopper');
          await page.click(byId('details-button'));
          await ada.sees(`${byId('details')} dl`);
        },
      ],
    ]);
  },

  async 'every dialog and every other shape of the window is in order, light and dark'(begin) {
    const { ada } = await furnished(begin);
    const { page } = ada;
    const closes = async () => {
      await page.keyboard.press('Escape');
      await ada.seesNo('dialog[open]');
    };
    await visit(ada, [
      [
        'new-conversation',
        async () => {
          await page.click(byId('new-conversation-button'));
          await page.fill(byId('people-search'), 'gr');
          await ada.sees(byId('person-option'));
        },
        closes,
      ],
      [
        'palette',
        async () => {
          await page.keyboard.press('Control+k');
          await page.fill(byId('palette-input'), 'e');
          await ada.sees(byId('palette-option'));
        },
        closes,
      ],
      ['shortcuts', () => page.keyboard.press('?'), closes],
      [
        'sign-out',
        async () => {
          await page.keyboard.press('Control+k');
          await page.fill(byId('palette-input'), 'sign out');
          await page.click(`${byId('palette-option')}:has-text("Sign out")`);
          await ada.sees(byId('confirm-button'));
        },
        closes,
      ],
    ]);

    await page.click(byId('settings-button'));
    const tabs = page.locator(`${byId('settings')} [role=tab]`);
    await tabs.first().waitFor();
    for (const tab of await tabs.all()) {
      await tab.click();
      await ada.settles();
      await ada.looks(await tab.getAttribute('data-testid'));
    }
    await page.click(byId('settings-language'));
    await page.click(`${byId('language-choice')} [data-value=zh-CN]`);
    await ada.sees('html[lang=zh-CN]');
    await closes();
    await page.click(conversation('Engine room'));
    await ada.sees(message('logbook'));
    await ada.looks('chinese');

    await page.setViewportSize({ width: 400, height: 780 });
    await page.waitForSelector(byId('back-button'));
    await ada.looks('narrow-chat');
    await page.click(byId('back-button'));
    await page.waitForSelector(byId('conversation-list'));
    await ada.looks('narrow-list');

    await page.setViewportSize({ width: 1320, height: 860 });
    await page.evaluate(() => {
      document.documentElement.style.fontSize = '200%';
    });
    await page.click(conversation('Engine room'));
    await ada.sees(message('logbook'));
    await ada.looks('text-200');
  },
};
