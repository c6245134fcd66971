// What the example needs of WebDriver (https://www.w3.org/TR/webdriver2/), without any package: any
// client library of any language does the same. See docs/qa.md.

import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';

const PATIENCE = 30_000;
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';
/** The folder with `kith` and `kithd`. */
const programs = process.env.KITH_PROGRAMS ?? 'target/debug';
const program = (name) => join(programs, name);

export const byId = (id) => `[data-testid=${id}]`;

/** Asks again until there is an answer; the one place that waits. */
async function until(what, ask) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`waited for ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

const answers = (url) => fetch(url).then(
  () => true,
  () => false,
);

/** A server with data of its own; `stop` ends it. */
export async function startServer(folder) {
  const address = `127.0.0.1:${await freePort()}`;
  const env = { ...process.env, KITH__SERVER__LISTEN: address, KITH__SERVER__DATA: folder };
  const server = spawn(program('kithd'), { env, stdio: 'ignore' });
  await until('the server', () => answers(`http://${address}/v1/about`));
  return { address: `http://${address}`, stop: () => server.kill() };
}

/** One window of the app, for a profile of its own. */
export class App {
  #driver;
  #session;

  static async open(profile) {
    const app = new App();
    const port = await freePort();
    const env = { ...process.env, TAURI_WEBVIEW_AUTOMATION: 'true' };
    app.#driver = spawn('WebKitWebDriver', [`--port=${port}`], { env, stdio: 'ignore' });
    await until('the driver', () => answers(`http://127.0.0.1:${port}/status`));
    const options = { binary: program('kith'), args: ['--profile', profile] };
    const wanted = { alwaysMatch: { 'webkitgtk:browserOptions': options } };
    app.profile = profile;
    app.#session = `http://127.0.0.1:${port}/session`;
    const { sessionId } = await app.#ask('POST', '', { capabilities: wanted });
    app.#session += `/${sessionId}`;
    await app.sees('html[data-idle]');
    return app;
  }

  async #ask(method, path, body) {
    const response = await fetch(this.#session + path, {
      method,
      body: body && JSON.stringify(body),
    });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${path}: ${value.error} ${value.message}`);
    return value;
  }

  /** Waits until something that fits is on the page, with this text in it if one is given. */
  async sees(selector, text = '') {
    const script = `return [...document.querySelectorAll(arguments[0])]
      .find((one) => one.textContent.includes(arguments[1])) ?? null`;
    const found = await until(`${text} in ${selector}`, () =>
      this.#ask('POST', '/execute/sync', { script, args: [selector, text] }),
    );
    return `/element/${found[ELEMENT]}`;
  }

  async clicks(selector, text) {
    await this.#ask('POST', `${await this.sees(selector, text)}/click`, {});
  }

  async types(selector, text) {
    await this.#ask('POST', `${await this.sees(selector)}/value`, { text });
  }

  /** Ends the app: closing its window would only put it into the background. */
  async quit() {
    const args = ['--profile', this.profile, '--quit'];
    const end = spawn(program('kith'), args, { stdio: 'ignore' });
    await new Promise((done) => end.on('exit', done));
    this.#driver.kill();
  }
}

/** The keyring of a session that begins, as signing in to a desktop unlocks it. */
export async function unlockKeyring() {
  const args = ['--unlock', '--components=secrets'];
  const keyring = spawn('gnome-keyring-daemon', args, { stdio: ['pipe', 'ignore', 'ignore'] });
  keyring.stdin.end('test');
  await new Promise((done) => keyring.on('exit', done));
}
