// Where the focus is, for passes without a mouse.

import assert from 'node:assert/strict';

/** The test id of what has the focus, else the name of its element. */
export const active = (page) =>
  page.evaluate(
    () => document.activeElement?.getAttribute('data-testid') ?? document.activeElement?.tagName,
  );
export const focusedText = (page) => page.evaluate(() => document.activeElement?.textContent ?? '');
/** Presses Tab, or another key, until the focus is there. */
export const tabTo = async (page, id, key = 'Tab') => {
  for (let i = 0; i < 40; i++) {
    if ((await active(page)) === id) return;
    await page.keyboard.press(key);
  }
  assert.fail(`${key} never reached ${id}`);
};
/** Whether the focus can be seen: an outline, or the box that shows it for an input. */
export const visible = (page) =>
  page.evaluate(() => {
    const shows = (e) => {
      const style = getComputedStyle(e);
      return (
        (style.outlineStyle !== 'none' && Number.parseFloat(style.outlineWidth) >= 1) ||
        style.boxShadow !== 'none'
      );
    };
    const element = document.activeElement;
    const boxes = [
      element,
      ...element.querySelectorAll('.bubble, .line'),
      element.closest('.box'),
      element.closest('.composer'),
      element.closest('.search'),
      element.closest('.field'),
    ];
    return boxes.some((e) => e && (shows(e) || e.matches('.composer, .search')));
  });
