// Runs scenes in Debian's Chromium against the demo: `node scenes.mjs [part of a name]`.
// A scene is a sentence that holds. Besides what it asserts, no page may report an error, a
// warning or a breach of its content policy.

import assert from 'node:assert/strict';
import { openDemo, startDemo } from './page.mjs';
import { accessibility } from './scenes/accessibility.mjs';
import { keyboard } from './scenes/keyboard.mjs';
import { list } from './scenes/list.mjs';
import { messages } from './scenes/messages.mjs';
import { people } from './scenes/people.mjs';
import { search } from './scenes/search.mjs';
import { signIn } from './scenes/sign-in.mjs';
import { timeline } from './scenes/timeline.mjs';
import { windowScenes } from './scenes/window.mjs';
import { writing } from './scenes/writing.mjs';

const scenes = {
  ...signIn,
  ...list,
  ...timeline,
  ...writing,
  ...messages,
  ...people,
  ...search,
  ...keyboard,
  ...windowScenes,
  ...accessibility,
};
const only = process.argv[2];
const demo = await startDemo();
let failed = 0;
let ran = 0;
for (const [name, scene] of Object.entries(scenes)) {
  if (only && !name.includes(only)) continue;
  ran += 1;
  const pages = [];
  const open = async (options) => {
    const opened = await openDemo(demo, options);
    opened.page.setDefaultTimeout(8000);
    pages.push(opened);
    return opened.page;
  };
  const began = performance.now();
  try {
    await scene(open);
    for (const { faults } of pages) assert.deepEqual(faults, []);
    console.log(`ok   ${name} (${Math.round(performance.now() - began)} ms)`);
  } catch (error) {
    failed += 1;
    console.error(`FAIL ${name}\n${error.stack ?? error}\n`);
    for (const { faults } of pages) for (const fault of faults) console.error(`     ${fault}`);
  }
  for (const { context } of pages) await context.close();
}
await demo.close();
// The line that `cargo xtask test` counts.
console.log(`${ran - failed} passed, ${failed} failed`);
if (failed > 0 || ran === 0) process.exitCode = 1;
