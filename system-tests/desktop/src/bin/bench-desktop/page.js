// Runs in the page while it is measured. A time begins with the person's own event, at the moment the
// web view's process took it from the system, and ends in the first task after the frame that shows
// what came of it: by then that frame is laid out and painted.
(() => {
  const times = { send: [], switch: [] };
  const find = (id) => document.querySelector(`[data-testid=${id}]`);

  function painted(began, into) {
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => into.push(performance.now() - began);
      channel.port2.postMessage(null);
    });
  }

  /** As soon as `there` holds, which the next change of the page may bring. */
  function once(there, then) {
    const watcher = new MutationObserver(() => {
      if (!there()) return;
      watcher.disconnect();
      then();
    });
    watcher.observe(document.body, { childList: true, subtree: true });
  }

  const isOn = (event, id) => event.target instanceof Element && event.target.closest(`[data-testid=${id}]`);

  addEventListener('keydown', (event) => {
    if (!isOn(event, 'composer-input') || event.key !== 'Enter') return;
    const waiting = () => document.querySelectorAll('[data-testid=message][data-state=sending]').length;
    const before = waiting();
    once(() => waiting() > before, () => painted(event.timeStamp, times.send));
  }, true);

  addEventListener('click', (event) => {
    if (!isOn(event, 'conversation-item')) return;
    const before = find('timeline');
    const there = () => find('timeline') !== before && find('timeline')?.querySelector('[data-testid=message]');
    once(there, () => painted(event.timeStamp, times.switch));
  }, true);

  window.measured = times;
})();
