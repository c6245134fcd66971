// Ten thousand messages, from the newest to the oldest and back.

import assert from 'node:assert/strict';
import { byId, conversation } from '../../browser/page.mjs';
import { fromEnd, settle, travel } from '../../browser/places.mjs';
import { Correspondent } from '../correspondent.mjs';

const COUNT = 10_000;
/** Nobody waits for ten messages a second here. */
const UNHURRIED = {
  KITH__LIMITS__SENDS_PER_SECOND: '1000000',
  KITH__LIMITS__SEND_BURST: '1000000',
};
/** Rows of many heights, so that one that moves is noticed. */
const KINDS = [
  'Noted.',
  'The scheduler picks the job with the highest priority, and lets the others wait.',
  'First line\nsecond line\nthird line',
  'From the listing:\n```\nINDEX BANKCALL\nCADR  LADQSAVE\n```',
  '你好，程序已经跑完了。',
  'A list:\n\n- the tape\n- the drum\n- the core, which is woven and takes its time',
  '🎉',
];
const TEXTS = Array.from({ length: COUNT }, (_, i) => `(${i + 1}) ${KINDS[i % KINDS.length]}`);

export const long = {
  async 'ten thousand messages come, and are scrolled to the oldest and back with the place kept'(
    begin,
  ) {
    const world = await begin(UNHURRIED);
    const ada = await world.person('ada', 'Ada Lovelace');
    const { account } = await ada.bridge.call('get_state');
    const katherine = await Correspondent.register(world.server, 'katherine', 'Katherine Johnson');
    const direct = await ada.bridge.call('open_direct', { user: katherine.id });
    await katherine.writes(direct.conversation, account.person.id, TEXTS);
    await ada.sees(`${conversation('Katherine')} ${byId('unread-badge')}:text-is("999+")`);
    await ada.sees(`${conversation('Katherine')}:has-text("(${COUNT})")`);
    await ada.settles();

    // It opens at the first message that is unread.
    const { page } = ada;
    await ada.opens('Katherine Johnson');
    await ada.sees('[data-first-unread][data-seq="1"]');
    await page.click(byId('jump-to-end'));
    await ada.sees(`[data-seq="${COUNT}"]`);
    await ada.settles();
    assert.ok((await fromEnd(page)) < 1);
    await ada.seesNo(byId('unread-badge'));
    await ada.looks('ten-thousand');

    assert.ok((await travel(page, 1, -3400)) > 50);
    await ada.sees('text=This is the beginning.');
    assert.ok((await travel(page, COUNT, 3400)) > 50);
    await page.click(byId('jump-to-end'));
    await settle(page);
    assert.ok((await fromEnd(page)) < 1);
  },
};
