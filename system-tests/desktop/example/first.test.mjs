// An example for those who automate the app: two people, two windows, one server. It is run with all
// other tests; docs/qa.md says how to run it alone and how to go on from it.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { App, byId, startServer, unlockKeyring } from './driver.mjs';

/** Makes an account and comes to the list. */
async function registers(app, server, name, shown) {
  await app.clicks(byId('switch-register-button'));
  await app.types(byId('server-input'), server.address);
  await app.types(byId('name-input'), name);
  await app.types(byId('display-name-input'), shown);
  await app.types(byId('password-input'), 'correct horse battery');
  await app.clicks(`${byId('register-button')}:enabled`);
  await app.sees(byId('conversation-list'));
}

test('what Ada types Grace reads, and the ticks say so', async () => {
  await unlockKeyring();
  const server = await startServer(await mkdtemp(join(tmpdir(), 'kith-example-')));
  const ada = await App.open('ada');
  const grace = await App.open('grace');
  await registers(ada, server, 'ada', 'Ada Lovelace');
  await registers(grace, server, 'grace', 'Grace Hopper');

  await ada.clicks(byId('new-conversation-button'));
  await ada.types(byId('people-search'), 'grace');
  await ada.clicks(byId('person-option'), 'Grace Hopper');
  await ada.types(byId('composer-input'), 'Does the engine weave?');
  await ada.clicks(`${byId('send-button')}:enabled`);
  await ada.sees(`${byId('message')}[data-state=delivered]`, 'Does the engine weave?');

  await grace.sees(byId('unread-badge'), '1');
  await grace.clicks(byId('conversation-item'), 'Ada Lovelace');
  await grace.sees(byId('message'), 'Does the engine weave?');

  await grace.quit();
  await ada.quit();
  server.stop();
});
