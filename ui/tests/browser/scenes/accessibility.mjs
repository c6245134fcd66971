// axe-core over every view, light and dark.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { VIEWS } from '../views.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const scene = (options, prepare) => async (open) => {
  for (const scheme of ['light', 'dark']) {
    const page = await open({ ...options, scheme });
    await prepare?.(page);
    await page.evaluate(axe);
    const found = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
    const serious = found.violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) =>
        nodes.map(
          (node) =>
            `${scheme} ${id}: ${node.target.join(' ')}: ${node.failureSummary?.split('\n')[1]?.trim()}`,
        ),
      );
    assert.deepEqual(serious, []);
  }
};

export const accessibility = Object.fromEntries(
  VIEWS.map(([name, options, prepare]) => [
    `axe finds nothing serious in ${name}`,
    scene(options, prepare),
  ]),
);
