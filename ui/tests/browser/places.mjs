// Where the rows of the timeline stand, to the pixel.

import { idle } from './page.mjs';

const measure = `(by) => {
  const box = document.querySelector('[data-testid=timeline]');
  if (by) box.scrollBy(0, by);
  const top = box.getBoundingClientRect().top;
  return Object.fromEntries(
    [...box.querySelectorAll('[data-key]')].map((row) => [row.dataset.key, (row.querySelector('.bubble') ?? row).getBoundingClientRect().top - top]),
  );
}`;
/** Where what one reads of each row stands: key → distance from the top of the timeline. */
export const places = (page) => page.evaluate(`(${measure})(0)`);
/** Scrolls, and tells where everything stands before anything can come of it. */
export const scrolled = (page, by) => page.evaluate(`(${measure})(${by})`);
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
/** How many rows are in the document. */
export const alive = (page) => page.locator('[data-testid=timeline] [data-key]').count();
