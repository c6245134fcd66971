// Searching in what is on this device: a word of two Chinese characters, and where a click leads.

import assert from 'node:assert/strict';
import { byId, conversation } from '../../browser/page.mjs';
import { Correspondent } from '../correspondent.mjs';

const COUNT = 400;
const PLACES = {
  120: '周末我们去图书馆讨论排序算法，好吗？',
  230: '这个算法太慢了，需要一个索引。',
};
const TEXTS = Array.from(
  { length: COUNT },
  (_, i) => PLACES[i + 1] ?? `第${i + 1}条：今天的计算结果和方法都记录下来了。`,
);
const result = byId('search-result');

export const search = {
  async 'two Chinese characters find the messages that have them, and a click leads there'(begin) {
    const world = await begin({
      KITH__LIMITS__SENDS_PER_SECOND: '1000000',
      KITH__LIMITS__SEND_BURST: '1000000',
    });
    const ada = await world.person('ada', 'Ada Lovelace');
    const { account } = await ada.bridge.call('get_state');
    const long = await Correspondent.register(world.server, 'long', '李小龙');
    const direct = await ada.bridge.call('open_direct', { user: long.id });
    await long.writes(direct.conversation, account.person.id, TEXTS);
    await ada.sees(`${conversation('李小龙')}:has-text("第${COUNT}条")`);
    await ada.settles();

    // As an input method gives it: first a guess, then the word.
    const { page } = ada;
    await page.keyboard.press('Control+Shift+F');
    await page.waitForFunction(() => document.activeElement?.dataset.testid === 'search-input');
    const keys = await page.context().newCDPSession(page);
    await keys.send('Input.imeSetComposition', {
      text: 'suan fa',
      selectionStart: 7,
      selectionEnd: 7,
    });
    await page.keyboard.insertText('算法');
    await ada.sees(result);
    await ada.settles();
    // Every message has 算 and 法, and only two have them beside each other; the newest comes first.
    const found = await page.locator(result).evaluateAll((all) => all.map((r) => r.dataset.seq));
    assert.deepEqual(found, ['230', '120']);
    for (const marked of await page.locator(`${result} mark`).allTextContents()) {
      assert.equal(marked, '算法');
    }
    await ada.looks('search');

    await page.click(`${result}[data-seq="120"]`);
    await ada.sees('[data-testid=message][data-seq="120"] .lit');
    await ada.settles();
    const row = page.locator('[data-testid=message][data-seq="120"]');
    assert.ok(await row.isVisible());
    const [box, pane] = [
      await row.boundingBox(),
      await page.locator(byId('timeline')).boundingBox(),
    ];
    assert.ok(
      box.y >= pane.y && box.y + box.height <= pane.y + pane.height,
      'it is off the screen',
    );
    // It stands in its place: what was said before and after is around it.
    const around = await page
      .locator('[data-testid=message]')
      .evaluateAll((rows) => rows.map((r) => Number(r.dataset.seq)));
    for (let seq = 110; seq <= 130; seq++) assert.ok(around.includes(seq), `${seq} is not there`);
    await ada.looks('found');

    await page.fill(byId('search-input'), '法算');
    await ada.seesNo(result);
    await page.waitForSelector(`${byId('search')} >> text=Nothing found`);
    await ada.looks('search-nothing');
    await page.keyboard.press('Escape');
    await ada.seesNo(byId('search'));
    await ada.sees(conversation('李小龙'));
  },
};
