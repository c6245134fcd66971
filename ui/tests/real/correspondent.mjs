// Somebody without an app, who speaks the protocol over long-poll: to say very much in little time.

import { randomBytes } from 'node:crypto';
import { PASSWORD } from './world.mjs';

/** Most commands in one frame, and frames in one request. */
const COMMANDS = 50;
const FRAMES = 5;

export class Correspondent {
  static async register(server, name, shown) {
    const device = { id: uuid7(), name: 'none', platform: 'none' };
    const account = { name, display_name: shown, password: PASSWORD, device };
    const answer = await ask(server, '/v1/register', account);
    return new Correspondent(server, answer.user, answer.access_token);
  }

  constructor(server, id, token) {
    this.server = server;
    this.id = id;
    this.token = token;
  }

  /** Says these texts to somebody, in this order. Returns when the server has taken them all. */
  async writes(conversation, peer, texts) {
    const { session } = await this.#ask('/v1/poll/open', {});
    const frames = [{ hello: { version: 1, account_version: 0 } }];
    for (let from = 0; from < texts.length; from += COMMANDS) {
      const commands = texts
        .slice(from, from + COMMANDS)
        .map((text) => ({ client_ref: uuid7(), command: { message: { text } } }));
      frames.push({ submit: { conversation, peer, commands } });
    }
    for (let m = 1; frames.length > 0; m++) {
      await this.#ask('/v1/poll/send', { session, m, frames: frames.splice(0, FRAMES) });
    }
  }

  #ask(path, body) {
    return ask(this.server, path, body, this.token);
  }
}

async function ask(server, path, body, token) {
  const headers = { 'Content-Type': 'application/json' };
  if (token) headers.Authorization = `Bearer ${token}`;
  const options = { method: 'POST', headers, body: JSON.stringify(body) };
  const response = await fetch(server.address + path, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
  return answer;
}

/** An id as RFC 9562 has it: the time in milliseconds, then random bits. */
function uuid7() {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  return bytes.toString('hex').replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5');
}
