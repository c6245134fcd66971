// A morning among five people, as the pictures of the README show it.

import assert from 'node:assert/strict';
import { byId, conversation } from '../../browser/page.mjs';
import { message } from '../world.mjs';

export const pictures = {
  async 'a morning among five people: groups, answers, reactions, ticks and what is unread'(begin) {
    const world = await begin();
    const people = {};
    for (const [name, shown] of [
      ['grace', 'Grace Hopper'],
      ['margaret', 'Margaret Hamilton'],
      ['katherine', 'Katherine Johnson'],
      ['alan', 'Alan Turing'],
      ['ada', 'Ada Lovelace'],
    ]) {
      const person = await world.person(name, shown);
      person.id = (await person.bridge.call('get_state')).account.person.id;
      people[name] = person;
    }
    const { grace, margaret, katherine, alan, ada } = people;
    const says = async (who, { conversation }, text, reply_to = null) => {
      await who.bridge.call('send_message', { conversation, text, reply_to });
      const [head] = text.split(/[\n*`]/);
      // Everybody who is in it has it before the next one speaks.
      await ada.sees(
        `${byId('conversation-item')}[data-conversation-id="${conversation}"]:has-text("${head.slice(0, 24)}")`,
      );
    };
    const direct = (who) => who.bridge.call('open_direct', { user: ada.id });

    await says(
      katherine,
      await direct(katherine),
      'The trajectory closes. I did it by hand, twice.',
    );
    await says(alan, await direct(alan), 'Can machines think? I have an hour free at noon.');
    const pair = await direct(grace);
    await says(grace, pair, 'The moth is in the logbook now.');
    await ada.opens('Grace Hopper');
    await ada.says('Frame it.');
    await ada.seesProgress('Frame it.', 'delivered');

    const members = [grace.id, margaret.id, katherine.id];
    const room = await ada.bridge.call('create_group', { title: 'Engine room', members });
    await ada.opens('Engine room');
    await grace.opens('Engine room');
    await margaret.opens('Engine room');
    const first = 'Good morning! The new scheduler is in: `exec(1202)` and **no more alarms**.';
    await says(ada, room, first);
    await grace.sees(message('Good morning!'));
    await says(margaret, room, 'It dropped the right jobs, in the right order, and landed anyway.');
    await says(
      grace,
      room,
      'I read the listing on the train. One line is still wrong:\n\n```\nCADR  LADQSAVE   # one card too early\n```',
    );
    const at = await ada.page.getAttribute(`${message('one card too early')}`, 'data-seq');
    for (const who of [ada, margaret]) {
      const like = { conversation: room.conversation, seq: Number(at), emoji: '👀', on: true };
      await who.bridge.call('react', like);
    }
    await ada.chooses('one card too early', 'Reply');
    await ada.says('Good eyes. I move it behind the bank call, then it is done. ✅');
    await grace.sees(message('Good eyes'));
    await grace.chooses('Good eyes', 'React with 👍');
    await margaret.chooses('Good eyes', 'React with 👍');
    await says(margaret, room, '大家辛苦了! Shall we run it at **two**?');
    await ada.says('Two it is.');
    await grace.sees(message('Two it is.'));
    await margaret.sees(message('Two it is.'));

    // What everybody has done is there, and what Ada has not opened is counted.
    await ada.sees(`${message('Good eyes')} .quoted:has-text("One line is still wrong")`);
    await ada.sees(`${message('Good eyes')} ${byId('reaction')}:has-text("2")`);
    await ada.sees(`${message('one card too early')} ${byId('reaction')}:has-text("2")`);
    await katherine.opens('Engine room');
    await ada.seesProgress('Two it is.', 'read');
    for (const title of ['Alan Turing', 'Katherine Johnson'])
      await ada.sees(`${conversation(title)} ${byId('unread-badge')}:text-is("1")`);
    assert.equal(await ada.page.locator(byId('first-unread')).count(), 0);
    await ada.sees('text=4 members, 4 online');
    await ada.page.mouse.move(0, 0);
    await ada.looks('morning');
  },
};
