// Getting in and out.

import assert from 'node:assert/strict';
import { byId } from '../page.mjs';

const fill = async (page, fields) => {
  for (const [id, text] of Object.entries(fields)) await page.fill(byId(`${id}-input`), text);
};
const signInPage = { wishes: { scene: 'sign-in' } };

export const signIn = {
  async 'a wrong password is said beside the field, and the right one leads to the list'(open) {
    const page = await open(signInPage);
    await fill(page, { server: 'kith.example.org', name: 'ada', password: 'wrong' });
    await page.click(byId('sign-in-button'));
    await page.waitForSelector('text=That name and password do not match.');
    assert.equal(await page.getAttribute(byId('password-input'), 'aria-invalid'), 'true');
    await page.fill(byId('password-input'), 'correct horse');
    await page.click(byId('sign-in-button'));
    await page.waitForSelector(byId('conversation-item'));
    assert.equal(await page.getAttribute(byId('connection-status'), 'data-state'), 'online');
  },

  async 'the address is looked at while it is typed, and only the last answer counts'(open) {
    const page = await open(signInPage);
    await page.fill(byId('server-input'), 'other.example.org');
    await page.waitForSelector('text=not a Kith server');
    await page.fill(byId('server-input'), 'nothing.example.org');
    await page.waitForSelector('text=Nothing answers at this address.');
    await page.fill(byId('server-input'), 'kith.example.org');
    await page.waitForSelector('text=Example Society, 42 ms away');
  },

  async 'an account can be made, unless the server takes none'(open) {
    const page = await open(signInPage);
    await page.click(byId('switch-register-button'));
    await fill(page, {
      server: 'closed.example.org',
      name: 'newton',
      'display-name': 'Isaac Newton',
      password: 'principia',
    });
    await page.waitForSelector('text=takes no new accounts');
    assert.ok(await page.isDisabled(byId('register-button')));
    await page.fill(byId('server-input'), 'kith.example.org');
    await page.waitForSelector('text=42 ms');
    await page.fill(byId('name-input'), 'grace');
    await page.click(byId('register-button'));
    await page.waitForSelector('text=Somebody has this name already.');
    await page.fill(byId('name-input'), 'newton');
    await page.click(byId('register-button'));
    await page.waitForSelector(byId('conversation-item'));
    const call = await page.evaluate(() => demo.calls.findLast((c) => c.name === 'register').args);
    assert.deepEqual(call, {
      address: 'kith.example.org',
      name: 'newton',
      password: 'principia',
      session_only: false,
      display_name: 'Isaac Newton',
    });
  },

  async 'without a keychain nothing is kept silently: the person chooses'(open) {
    const page = await open(signInPage);
    await fill(page, { server: 'kith.example.org', name: 'vault', password: 'something' });
    await page.click(byId('sign-in-button'));
    await page.click(byId('session-only-button'));
    await page.waitForSelector(byId('conversation-item'));
    assert.equal(
      await page.evaluate(() => demo.calls.findLast((c) => c.name === 'sign_in').args.session_only),
      true,
    );
  },

  async 'signing out asks first and leads back to the beginning'(open) {
    const page = await open();
    await page.click(byId('settings-button'));
    await page.click(byId('settings-about'));
    await page.click(byId('sign-out-button'));
    await page.click('text=Cancel');
    await page.waitForSelector(byId('conversation-item'));
    await page.keyboard.press('Control+k');
    await page.fill(byId('palette-input'), 'sign out');
    await page.keyboard.press('Enter');
    await page.click(byId('confirm-button'));
    await page.waitForSelector(byId('sign-in-button'));
    assert.equal(await page.locator(byId('conversation-item')).count(), 0);
  },
};
