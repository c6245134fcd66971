// Pictures of every view, in light, dark, narrow, with 200 % text, in Chinese, and right-to-left.
// They are there to be looked at; that a view breaks is found by scenes.mjs.

import { mkdir, rm } from 'node:fs/promises';
import { openDemo, startDemo, target } from './page.mjs';
import { VIEWS } from './views.mjs';

const out = `${target}/screenshots/ui`;
const only = process.argv[2];

const demo = await startDemo();
try {
  if (!only) await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  for (const [name, options, prepare] of VIEWS) {
    if (only && !name.match(only)) continue;
    for (const theme of ['light', 'dark']) {
      const { page, context } = await openDemo(demo, { ...options, scheme: theme });
      try {
        await prepare?.(page);
        await page.screenshot({ path: `${out}/${name}-${theme}.png` });
      } catch (error) {
        console.error(`${name}: ${error.message}`);
        process.exitCode = 1;
      }
      await context.close();
    }
  }
} finally {
  await demo.close();
}
