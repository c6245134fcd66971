// Two people talk: what one does, the other sees.

import assert from 'node:assert/strict';
import { byId, conversation } from '../../browser/page.mjs';
import { field, message } from '../world.mjs';

export const talk = {
  async 'what Ada types is sent, then delivered, then read when Grace opens it'(begin) {
    const world = await begin();
    const grace = await world.person('grace', 'Grace Hopper');
    const ada = await world.stranger('ada', 'Ada Lovelace');
    await ada.looks('sign-in');
    await ada.signsIn({ register: true });
    await ada.looks('empty');

    await ada.finds(grace);
    await ada.says('Does the engine weave?');
    await ada.seesProgress('Does the engine weave?', 'delivered');
    await grace.sees(`${conversation('Ada Lovelace')} ${byId('unread-badge')}:text-is("1")`);
    assert.match(await grace.page.title(), /^\(1\) /);
    await grace.looks('unread');

    await grace.opens('Ada Lovelace');
    await grace.sees(message('Does the engine weave?'));
    await grace.seesNo(byId('unread-badge'));
    await ada.seesProgress('Does the engine weave?', 'read');

    await grace.page.type(field, 'Algebraic patterns, ');
    await ada.sees('text=is typing…');
    await grace.says('Algebraic patterns, 你好, as the loom weaves flowers.');
    await grace.seesProgress('Algebraic patterns', 'read');
    await ada.looks('talk');
  },

  async 'an answer, an edit, a reaction and a deletion arrive as what they are'(begin) {
    const world = await begin();
    const ada = await world.person('ada', 'Ada Lovelace');
    const grace = await world.person('grace', 'Grace Hopper');
    await ada.finds(grace);
    await ada.says('Is this a moth?');
    await ada.says('It is in relay 70.');
    await grace.opens('Ada Lovelace');
    await grace.sees(message('relay 70'));

    await grace.chooses('Is this a moth', 'Reply');
    await grace.says('It goes into the logbook.');
    const answer = message('It goes into the logbook.');
    await ada.sees(`${answer} .quoted:has-text("Is this a moth?")`);
    await ada.page.click(`${answer} button.quote`);
    await ada.sees(`${message('Is this a moth?')} .lit`);

    await ada.page.press(field, 'ArrowUp');
    await ada.page.fill(field, 'It is in relay 70, panel F.');
    await ada.page.press(field, 'Enter');
    await grace.sees(`${message('relay 70, panel F.')} >> text=edited`);

    await grace.chooses('panel F', 'React with 👍');
    await ada.sees(`${message('panel F')} ${byId('reaction')}:has-text("👍")`);
    await ada.looks('answered');

    await ada.chooses('panel F', 'Delete');
    await ada.looks('delete');
    await ada.page.click(byId('confirm-button'));
    for (const who of [ada, grace]) {
      await who.sees('text=This message was deleted');
      await who.seesNo(message('panel F'));
    }
    await grace.looks('deleted');
  },

  async 'a group is made, renamed, filled and left, and everybody sees it'(begin) {
    const world = await begin();
    const grace = await world.person('grace', 'Grace Hopper');
    const linus = await world.person('linus', 'Linus Torvalds');
    const ada = await world.person('ada', 'Ada Lovelace');
    const { page } = ada;
    await page.click(byId('new-conversation-button'));
    await page.click(byId('new-group-button'));
    await page.fill(byId('group-name'), 'Difference engine');
    await page.fill(byId('people-search'), 'grace');
    await page.click(`${byId('person-option')}:has-text("Grace Hopper")`);
    await ada.looks('new-group');
    await page.click(byId('create-group-button'));
    await ada.sees('text=began the group “Difference engine”');
    await ada.says('Who turns the crank?');
    await grace.opens('Difference engine');
    await grace.sees(message('Who turns the crank?'));
    await ada.seesProgress('Who turns the crank?', 'read');

    await page.click(byId('details-button'));
    await page.click(byId('rename-group'));
    await page.fill(byId('rename-input'), 'Analytical engine');
    await page.keyboard.press('Enter');
    for (const who of [ada, grace]) {
      await who.sees(`${byId('conversation-title')}:text-is("Analytical engine")`);
    }
    await page.click(`${byId('details')} ${byId('add-people')}`);
    await page.fill(byId('people-search'), 'linus');
    await page.click(`${byId('person-option')}:has-text("Linus")`);
    await page.click(byId('add-people-button'));
    await grace.sees('text=Ada Lovelace added Linus Torvalds');
    await linus.opens('Analytical engine');
    await linus.says('I do.');
    for (const who of [ada, grace]) await who.sees(message('I do.'));
    await ada.looks('group');

    await grace.page.click(byId('details-button'));
    await grace.page.click(byId('leave-group'));
    await grace.page.click(byId('confirm-button'));
    await grace.sees('text=You are not a member any more.');
    await ada.sees('text=Grace Hopper left');
    await linus.says('Still turning.');
    await ada.sees(message('Still turning.'));
    await grace.settles();
    assert.equal(await grace.page.locator(message('Still turning.')).count(), 0);
    await grace.looks('former-member');
  },
};
