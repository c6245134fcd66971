// The real programs: a server, and a bridge for each person. `cargo build -p server -p bridge` and
// `npm run build` make what is started here; whatever is started ends with this process.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { target } from '../browser/page.mjs';

/** How long anything may take before a pass has failed, in milliseconds. Far beyond what a slow machine needs. */
export const PATIENCE = 30_000;

/** A program that was built for this; its log is `NAME.log` in the folder. */
function start(program, args, { folder, name, variables = {}, stdout }) {
  const path = `${target}/debug/${program}`;
  if (!existsSync(path)) throw new Error(`${path} is not built`);
  mkdirSync(folder, { recursive: true });
  const log = openSync(`${folder}/${name}.log`, 'a');
  // The kernel ends the program when this process is killed.
  const under = existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'TERM'] : [];
  const [first, ...rest] = [...under, path, ...args];
  const env = { ...process.env, ...variables };
  return spawn(first, rest, { env, stdio: ['ignore', stdout ?? log, log] });
}

async function end(program, signal) {
  if (program.exitCode !== null || program.signalCode !== null) return;
  program.kill(signal);
  await once(program, 'exit');
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Until something listens at a port, or the program ended before. */
async function listens(port, program) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const there = await new Promise((answer) => {
      socket.once('connect', () => answer(true));
      socket.once('error', () => answer(false));
    });
    socket.destroy();
    if (there) return;
    if (program.exitCode !== null) throw new Error(`the server ended with ${program.exitCode}`);
    if (Date.now() > deadline) throw new Error(`nothing listens at port ${port}`);
    await pause(20);
  }
}

/** A `kithd` with a folder of its own, at one address however often it is started. */
export class Server {
  #program = null;

  static async start(folder, variables) {
    const server = new Server(folder, await freePort(), variables);
    await server.begin();
    return server;
  }

  constructor(folder, port, variables) {
    this.folder = folder;
    this.port = port;
    this.variables = variables;
    /** As a person types it. */
    this.address = `http://127.0.0.1:${port}`;
  }

  async begin() {
    const variables = {
      ...this.variables,
      KITH__SERVER__LISTEN: `127.0.0.1:${this.port}`,
      KITH__SERVER__DATA: `${this.folder}/server`,
    };
    this.#program = start('kithd', [], { folder: this.folder, name: 'kithd', variables });
    await listens(this.port, this.#program);
  }

  /** End it at once, as a power cut does. */
  kill() {
    return end(this.#program, 'SIGKILL');
  }
}

/** A client of somebody's own, with the UI in front of it. */
export class Bridge {
  #program;
  #origin;
  #headers;

  static async start(name, folder) {
    const args = ['--as', name, '--data', `${folder}/bridges`];
    const program = start('bridge', args, { folder, name: `bridge-${name}`, stdout: 'pipe' });
    const lines = createInterface(program.stdout)[Symbol.asyncIterator]();
    const { value: address } = await lines.next();
    if (!address) throw new Error(`the bridge of ${name} did not start: see its log in ${folder}`);
    return new Bridge(program, address);
  }

  constructor(program, address) {
    const { origin, hash } = new URL(address);
    this.#program = program;
    this.#origin = origin;
    this.#headers = { Authorization: `Bearer ${hash.replace('#token=', '')}` };
    /** Where a browser finds it. */
    this.address = address;
  }

  /** Ask the client, past the page. */
  async call(name, args = {}) {
    const response = await fetch(`${this.#origin}/call/${name}`, {
      method: 'POST',
      headers: this.#headers,
      body: JSON.stringify(args),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${name}: ${JSON.stringify(answer)}`);
    return answer;
  }

  close() {
    return end(this.#program, 'SIGTERM');
  }
}
