// Passes of the real client in Debian's Chromium: the built UI, over bridges and a real server.
// `node passes.mjs [part of a name]`. A pass is a sentence that holds. Besides what it asserts, no
// page may report an error, a warning or a breach of its content policy.

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { launch, target } from '../browser/page.mjs';
import { keyboard } from './passes/keyboard.mjs';
import { long } from './passes/long.mjs';
import { offline } from './passes/offline.mjs';
import { pictures } from './passes/pictures.mjs';
import { search } from './passes/search.mjs';
import { talk } from './passes/talk.mjs';
import { views } from './passes/views.mjs';
import { PICTURES, World } from './world.mjs';

const passes = { ...talk, ...views, ...keyboard, ...offline, ...search, ...long, ...pictures };
const only = process.argv[2];
const folder = `${target}/real`;
await rm(folder, { recursive: true, force: true });
if (!only) await rm(PICTURES, { recursive: true, force: true });
const browser = await launch();
let [passed, failed] = [0, 0];
for (const [name, pass] of Object.entries(passes)) {
  if (only && !name.includes(only)) continue;
  const worlds = [];
  /** A world of the pass's own; `variables` are for the server. */
  const begin = async (variables) => {
    const world = await World.begin(browser, `${folder}/${passed + failed}`, variables);
    worlds.push(world);
    return world;
  };
  const people = () => worlds.flatMap((world) => world.people);
  const began = performance.now();
  try {
    await pass(begin);
    for (const { faults, name } of people()) assert.deepEqual(faults, [], name);
    passed += 1;
    console.log(`ok   ${name} (${Math.round(performance.now() - began)} ms)`);
  } catch (error) {
    failed += 1;
    console.error(`FAIL ${name}\n${error.stack ?? error}\n`);
    for (const person of people()) {
      for (const fault of person.faults ?? []) console.error(`     ${person.name}: ${fault}`);
      const path = `${folder}/failed-${failed}-${person.name}.png`;
      await person.page?.screenshot({ path }).catch(() => {});
    }
    console.error(`     logs and pictures: ${folder}`);
  }
  for (const world of worlds) await world.end();
}
await browser.close();
// The line that `cargo xtask test` counts.
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0 || passed === 0) process.exitCode = 1;
