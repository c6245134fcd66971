// Puts a floating box at a point so that all of it is in the window.

const EDGE = 8;

/** Below and after the point if there is room, else above or before it. */
export function placeAt(box: HTMLElement, at: { x: number; y: number }): void {
  const { width, height } = box.getBoundingClientRect();
  const { innerWidth, innerHeight } = window;
  const x = Math.max(EDGE, Math.min(at.x, innerWidth - width - EDGE));
  const below = at.y + height + EDGE <= innerHeight;
  const y = below ? at.y : Math.max(EDGE, Math.min(at.y - height, innerHeight - height - EDGE));
  box.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
}

/** The point under an element, for a menu or panel that belongs to it. */
export function pointUnder(element: Element): { x: number; y: number } {
  const box = element.getBoundingClientRect();
  return { x: box.left, y: box.bottom + 4 };
}
