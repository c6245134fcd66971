// What every pass begins with: a server, and people who each have a client and a page of their own.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { seriousFindings } from '../browser/axe.mjs';
import { byId, emptyPage, idle, target } from '../browser/page.mjs';
import { Bridge, PATIENCE, Server } from './programs.mjs';

export const PICTURES = `${target}/screenshots/real`;
export const PASSWORD = 'correct horse battery';
export const field = byId('composer-input');
export const message = (text) => `${byId('message')}:has-text("${text}")`;

/** A call that was refused has a status of 400 and above, which a browser reports whatever the page makes of it. */
const isRefusedCall = (report) => new URL(report.location().url).pathname.startsWith('/call/');

export class World {
  people = [];

  static async begin(browser, folder, variables) {
    return new World(browser, folder, await Server.start(folder, variables));
  }

  constructor(browser, folder, server) {
    this.browser = browser;
    this.folder = folder;
    this.server = server;
  }

  /** Somebody at the sign-in; `shown` is the name that others see. */
  async stranger(name, shown, options) {
    const bridge = await Bridge.start(name, this.folder);
    return this.#opened(new Person(name, shown, bridge, this.server), options);
  }

  /** Somebody who has an account and is signed in. */
  async person(name, shown, options) {
    const bridge = await Bridge.start(name, this.folder);
    await bridge.call('register', {
      address: this.server.address,
      name,
      display_name: shown,
      password: PASSWORD,
    });
    return this.#opened(new Person(name, shown, bridge, this.server), options);
  }

  async #opened(person, options) {
    this.people.push(person);
    await person.open(this.browser, options);
    return person;
  }

  async end() {
    for (const person of this.people) {
      await person.context.close();
      await person.bridge.close();
    }
    await this.server.kill();
  }
}

class Person {
  constructor(name, shown, bridge, server) {
    this.name = name;
    this.shown = shown;
    this.bridge = bridge;
    this.server = server;
  }

  async open(browser, options) {
    Object.assign(this, await emptyPage(browser, { ...options, isExpected: isRefusedCall }));
    this.page.setDefaultTimeout(PATIENCE);
    await this.page.goto(this.bridge.address);
    await this.page.waitForSelector(`${byId('sign-in-button')}, ${byId('conversation-list')}`);
  }

  /** Fills in the sign-in; makes an account with `register`. */
  async signsIn({ register = false } = {}) {
    const { page } = this;
    if (register) await page.click(byId('switch-register-button'));
    await page.fill(byId('server-input'), this.server.address);
    await page.fill(byId('name-input'), this.name);
    if (register) await page.fill(byId('display-name-input'), this.shown);
    await page.fill(byId('password-input'), PASSWORD);
    await page.waitForSelector('text=/\\d ms away/');
    if (register) await this.looks('register');
    await page.click(byId(register ? 'register-button' : 'sign-in-button'));
    await page.waitForSelector(byId('conversation-list'));
    await idle(page);
  }

  /** Begins a direct conversation with somebody whom the search finds. */
  async finds(other) {
    const { page } = this;
    await page.click(byId('new-conversation-button'));
    await page.fill(byId('people-search'), other.name);
    await page.click(`${byId('person-option')}:has-text("${other.shown}")`);
    await page.waitForSelector(field);
  }

  /** Opens a conversation of the list. */
  async opens(title) {
    await this.page.click(`${byId('conversation-item')}:has(.title:text-is("${title}"))`);
    await this.page.waitForSelector(`${byId('conversation-title')}:text-is("${title}")`);
    await this.page.waitForSelector(byId('timeline'));
  }

  async says(text) {
    await this.page.fill(field, text);
    await this.page.press(field, 'Enter');
    await this.sees(message(text));
  }

  /** Until something is there, wherever the page has scrolled. */
  async sees(selector) {
    await this.page.waitForSelector(selector, { state: 'attached' });
  }

  async seesNo(selector) {
    await this.page.waitForSelector(selector, { state: 'detached' });
  }

  /** Until one's own message has got so far. */
  async seesProgress(text, state) {
    await this.sees(`${message(text)}[data-state=${state}]`);
  }

  /** What one can do with a message, from its menu. */
  async chooses(text, item) {
    await this.page.click(`${message(text)} .bubble`, { button: 'right' });
    await this.page.click(`role=menuitem[name=/^${item}/]`);
  }

  /** Until nothing is on its way: everything is sent, fetched and painted. */
  settles() {
    return idle(this.page);
  }

  /** A view as it stands, in light and dark: a picture of it, and nothing serious that axe finds. */
  async looks(name) {
    const { page } = this;
    const before = await page.getAttribute('html', 'data-theme');
    mkdirSync(PICTURES, { recursive: true });
    for (const scheme of ['dark', 'light']) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.waitForSelector(`html[data-theme=${scheme}]`);
      await page.screenshot({ path: `${PICTURES}/${name}-${scheme}.png` });
      assert.deepEqual(await seriousFindings(page), [], `${name}, ${scheme}`);
    }
    assert.equal(before, 'light', 'a view is looked at by somebody whose page follows the system');
  }
}
