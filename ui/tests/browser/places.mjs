// Where the rows of the timeline stand, to the pixel.

import assert from 'node:assert/strict';
import { idle } from './page.mjs';

/** Where what one reads of each row stands: key → distance from the top of the timeline. */
export const places = (page) =>
  page.evaluate(() => {
    const box = document.querySelector('[data-testid=timeline]');
    const { top } = box.getBoundingClientRect();
    const topOf = (row) => (row.querySelector('.bubble') ?? row).getBoundingClientRect().top - top;
    const rows = [...box.querySelectorAll('[data-key]')];
    return Object.fromEntries(rows.map((row) => [row.dataset.key, topOf(row)]));
  });
/** Until what a scroll began has ended. */
export const settle = async (page) => {
  await page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
  );
  await idle(page);
};
/** How far, in pixels, one stands from the end. */
export const fromEnd = (page) =>
  page.evaluate(() => {
    const box = document.querySelector('[data-testid=timeline]');
    return box.scrollHeight - box.scrollTop - box.clientHeight;
  });
/**
 * Scrolls by `step` pixels at a time until a message is there. Whatever is loaded on the way, no row
 * on screen may move by a pixel, and few rows may be alive. Tells how often rows were loaded.
 */
export async function travel(page, seq, step) {
  const { loads, fault } = await page.evaluate(journey, { seq, step });
  assert.equal(fault, null);
  return loads;
}

/** Runs in the page: the way is long, and each step would be six messages to and fro. */
async function journey({ seq, step }) {
  const box = document.querySelector('[data-testid=timeline]');
  const places = () => {
    const { top } = box.getBoundingClientRect();
    const rows = [...box.querySelectorAll('[data-key]')];
    const topOf = (row) => (row.querySelector('.bubble') ?? row).getBoundingClientRect().top - top;
    return new Map(rows.map((row) => [row.dataset.key, topOf(row)]));
  };
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  let loads = 0;
  for (let turn = 0; turn < 1000; turn++) {
    box.scrollBy(0, step);
    const before = places();
    const patience = performance.now() + 15_000;
    for (let n = 0; n < 2 || document.documentElement.dataset.idle === undefined; n++) {
      if (performance.now() > patience)
        return { loads, fault: `turn ${turn}: it never came to rest` };
      await frame();
    }
    const after = places();
    if ([...before.keys()].join() !== [...after.keys()].join()) loads += 1;
    const onScreen = [...before].filter(
      ([key, y]) => y > -50 && y < box.clientHeight && after.has(key),
    );
    if (onScreen.length < 4)
      return { loads, fault: `turn ${turn}: ${onScreen.length} rows are shown` };
    for (const [key, y] of onScreen) {
      const moved = after.get(key) - y;
      if (Math.abs(moved) >= 1) return { loads, fault: `turn ${turn}: ${key} moved by ${moved}` };
    }
    if (after.size >= 300) return { loads, fault: `turn ${turn}: ${after.size} rows are alive` };
    if (box.querySelector(`[data-seq="${seq}"]`)) return { loads, fault: null };
  }
  return { loads, fault: `message ${seq} never came` };
}

/** How many rows are in the document. */
export const alive = (page) => page.locator('[data-testid=timeline] [data-key]').count();
