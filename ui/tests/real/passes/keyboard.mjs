// A pass without a mouse: whatever Ada does, she does with keys.

import assert from 'node:assert/strict';
import { active, focusedText, tabTo, visible } from '../../browser/focus.mjs';
import { byId } from '../../browser/page.mjs';
import { field, message, PASSWORD } from '../world.mjs';

export const keyboard = {
  async 'without a mouse: sign-in, writing, answering, groups, details, settings, palette, search'(
    begin,
  ) {
    const world = await begin();
    const grace = await world.person('grace', 'Grace Hopper');
    const ada = await world.stranger('ada', 'Ada Lovelace');
    const { page } = ada;
    const { keyboard } = page;
    await page.evaluate(() => {
      addEventListener('pointerdown', () => {
        document.documentElement.dataset.pointed = 'true';
      });
    });
    const press = async (...keys) => {
      for (const key of keys) await keyboard.press(key);
    };
    const focused = async (id) => {
      await page.waitForFunction((id) => document.activeElement?.dataset.testid === id, id);
      assert.ok(await visible(page), `the focus on ${id} cannot be seen`);
    };
    const types = (text) => keyboard.type(text);

    // Sign in.
    await tabTo(page, 'switch-register-button');
    await press('Enter');
    for (const [id, text] of [
      ['server-input', world.server.address],
      ['name-input', 'ada'],
      ['display-name-input', 'Ada Lovelace'],
      ['password-input', PASSWORD],
    ]) {
      await tabTo(page, id);
      await focused(id);
      await types(text);
    }
    await press('Enter');
    await ada.sees(byId('conversation-list'));
    await ada.settles();

    // Find somebody and write.
    await press('Control+n');
    await focused('people-search');
    await types('grace');
    await ada.sees(`${byId('person-option')}:has-text("Grace Hopper")`);
    await press('Enter');
    await focused('composer-input');
    await types('No mouse today');
    await press('Enter');
    await ada.seesProgress('No mouse today', 'delivered');
    await grace.opens('Ada Lovelace');
    await grace.says('How do you get around?');
    await ada.sees(message('How do you get around?'));

    // Answer from the timeline.
    await press('Shift+F6');
    await focused('message');
    assert.match(await focusedText(page), /How do you get around/);
    await press('r');
    await focused('composer-input');
    await types('With keys alone');
    await press('Enter');
    const answer = `${message('With keys alone')}:has(.quoted:has-text("How do you get around?"))`;
    await grace.sees(answer);

    // The menu of a message, and a reaction from it.
    await press('Shift+F6', 'Enter');
    await ada.sees('[role=menu]');
    await press('ArrowUp', 'Enter');
    await grace.sees(`${message('How do you get around')} ${byId('reaction')}`);
    await focused('message');

    // Edit what one said last.
    await press('Escape');
    await focused('composer-input');
    await press('ArrowUp');
    await types(', and quickly');
    await press('Enter');
    await grace.sees(message('With keys alone, and quickly'));

    // A group, and its details.
    await press('Control+Shift+N');
    await tabTo(page, 'group-name');
    await types('Card punchers');
    await tabTo(page, 'people-search');
    await types('grace');
    await ada.sees(`${byId('person-option')}:has-text("Grace Hopper")`);
    await press('Enter');
    await tabTo(page, 'create-group-button');
    await focused('create-group-button');
    await press('Enter');
    await ada.sees('text=began the group “Card punchers”');
    await press('Control+i');
    await ada.sees(byId('member'));
    await tabTo(page, 'rename-group');
    await focused('rename-group');
    await press('Enter');
    await focused('rename-input');
    await press('Control+a');
    await types('Card readers');
    await press('Enter');
    await grace.sees('text="Card readers"');
    await focused('rename-group');
    await press('Escape');
    await ada.seesNo(byId('details'));

    // From one conversation to the other.
    await press('Alt+ArrowDown');
    await ada.sees(`${byId('conversation-title')}:text-is("Grace Hopper")`);
    await press('Alt+ArrowUp');
    await ada.sees(`${byId('conversation-title')}:text-is("Card readers")`);
    await ada.settles();

    // Settings: dark.
    await press('Control+,');
    await focused('settings-profile');
    await tabTo(page, 'settings-appearance', 'ArrowDown');
    await focused('settings-appearance');
    await press('Tab', 'ArrowRight', 'ArrowRight');
    await ada.sees('html[data-theme=dark]');
    await press('Escape');
    await ada.seesNo(byId('settings'));
    await focused('composer-input');

    // The palette: back to light, and to a conversation.
    for (const [query, option, seen] of [
      ['light', 'Use light appearance', 'html[data-theme=light]'],
      ['grace', 'Grace Hopper', `${byId('conversation-title')}:text-is("Grace Hopper")`],
    ]) {
      await press('Control+k');
      await focused('palette-input');
      await types(query);
      await ada.sees(`${byId('palette-option')}:has-text("${option}")`);
      const chosen = page.locator(`${byId('palette-option')}[aria-selected=true]`);
      while (!(await chosen.textContent()).includes(option)) await press('ArrowDown');
      await press('Enter');
      await ada.sees(seen);
      await ada.settles();
    }

    // Search: the second of two that are found, the message in its place, and back to where one writes.
    await grace.says('No mouse here either');
    await ada.sees(message('No mouse here either'));
    await focused('composer-input');
    await press('Control+Shift+F');
    await focused('search-input');
    await types('mouse');
    const found = page.locator(byId('search-result'));
    await found.nth(1).waitFor();
    await ada.settles();
    assert.match(await found.nth(0).textContent(), /No mouse here either/);
    await press('ArrowDown');
    assert.equal(await found.nth(1).getAttribute('aria-selected'), 'true');
    await press('Enter');
    await ada.sees(`${message('No mouse today')} .lit`);
    assert.ok(await page.isVisible(message('No mouse today')));
    await focused('search-input');
    await press('Escape');
    await ada.seesNo(byId('search'));
    await focused('composer-input');

    // The sheet of shortcuts.
    await press('Control+/');
    await ada.sees(byId('shortcut-sheet'));
    await press('Escape');
    await focused('composer-input');
    assert.equal(await active(page), 'composer-input');
    assert.equal(await page.inputValue(field), '');
    assert.equal(await page.getAttribute('html', 'data-pointed'), null, 'a pointer was used');
  },
};
