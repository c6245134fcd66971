/** Whether somebody has this window before their eyes. */
export function isLooking(): boolean {
  return document.visibilityState === 'visible' && document.hasFocus();
}
