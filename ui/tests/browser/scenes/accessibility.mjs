// axe-core over every view, light and dark.

import assert from 'node:assert/strict';
import { seriousFindings } from '../axe.mjs';
import { VIEWS } from '../views.mjs';

const scene = (options, prepare) => async (open) => {
  for (const scheme of ['light', 'dark']) {
    const page = await open({ ...options, scheme });
    await prepare?.(page);
    assert.deepEqual(await seriousFindings(page), [], scheme);
  }
};

export const accessibility = Object.fromEntries(
  VIEWS.map(([name, options, prepare]) => [
    `axe finds nothing serious in ${name}`,
    scene(options, prepare),
  ]),
);
