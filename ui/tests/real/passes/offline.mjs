// A pass offline: with the server gone, everything goes on, and what was written goes out once.

import assert from 'node:assert/strict';
import { byId, conversation } from '../../browser/page.mjs';
import { Bridge } from '../programs.mjs';
import { field, message } from '../world.mjs';

const isOffline = `${byId('connection-status')}[data-state=offline]`;
const result = byId('search-result');
const isOnline = `${byId('connection-status')}[data-state=online]`;

export const offline = {
  async 'with the server gone all is there, what is written is kept, and goes out exactly once'(
    begin,
  ) {
    const world = await begin();
    const ada = await world.person('ada', 'Ada Lovelace');
    const grace = await world.person('grace', 'Grace Hopper');
    const alan = await world.person('alan', 'Alan Turing');
    await ada.finds(alan);
    await ada.says('Shall we say Monday?');
    await ada.finds(grace);
    await ada.says('A storm is coming.');
    await grace.opens('Ada Lovelace');
    await ada.seesProgress('A storm is coming.', 'read');
    await ada.settles();

    await world.server.kill();
    await ada.sees(isOffline);
    await ada.sees(byId('offline-strip'));
    await ada.says('Written in the dark');
    await ada.seesProgress('Written in the dark', 'sending');
    await ada.opens('Alan Turing');
    await ada.sees(message('Shall we say Monday?'));
    await ada.page.fill(field, 'Or on Tues');
    await ada.looks('offline');

    // Search finds what is on this device, also what waits to be sent, and a click leads there.
    await ada.page.keyboard.press('Control+Shift+F');
    await ada.page.fill(byId('search-input'), 'storm');
    await ada.sees(`${result}:has-text("A storm is coming.")`);
    await ada.looks('offline-search');
    await ada.page.click(result);
    await ada.sees(`${byId('conversation-title')}:text-is("Grace Hopper")`);
    await ada.sees(`${message('A storm is coming.')} .lit`);
    assert.ok(await ada.page.isVisible(message('A storm is coming.')));
    await ada.page.click(byId('search-close'));
    await ada.seesNo(byId('search'));
    await ada.sees(byId('offline-strip'));

    // Another page knows all of it, and so does another run of the client.
    const knows = async () => {
      await ada.sees(isOffline);
      await ada.sees(`${conversation('Alan Turing')} >> text=Or on Tues`);
      await ada.opens('Grace Hopper');
      await ada.sees(message('A storm is coming.'));
      await ada.seesProgress('Written in the dark', 'sending');
      await ada.sees(byId('offline-strip'));
    };
    await ada.page.reload();
    await knows();
    await ada.context.close();
    await ada.bridge.close();
    ada.bridge = await Bridge.start('ada', world.folder);
    await ada.open(world.browser);
    await knows();
    await ada.says('Still dark');
    await ada.seesProgress('Still dark', 'sending');

    await world.server.begin();
    await ada.sees(isOnline);
    await ada.seesNo(byId('offline-strip'));
    const written = ['Written in the dark', 'Still dark'];
    for (const text of written) await ada.seesProgress(text, 'read');
    for (const who of [ada, grace]) {
      await who.page.reload();
      await who.opens(who === ada ? 'Grace Hopper' : 'Ada Lovelace');
      const there = await who.page.locator(byId('message')).allTextContents();
      const said = ['A storm is coming.', ...written];
      assert.equal(there.length, said.length, `${who.name} has ${there}`);
      for (const [n, text] of said.entries()) assert.ok(there[n].includes(text), there[n]);
    }
    await ada.opens('Alan Turing');
    assert.equal(await ada.page.inputValue(field), 'Or on Tues');
  },
};
