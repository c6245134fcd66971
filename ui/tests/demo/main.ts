// The page of the demo. `?` says what it begins with: `scene`, `lang`, `theme`, `now`, `desktop`.

import { mount } from 'svelte';
import '../../src/app.css';
import AppView from '../../src/App.svelte';
import type { Appearance, CallName } from '../../src/protocol';
import { App } from '../../src/state/app.svelte';
import { DemoBackend, type DemoOptions } from './backend';
import { manyRooms, rooms } from './rooms';

const wishes = new URLSearchParams(location.search);
const scene = wishes.get('scene') ?? 'full';
const began = Date.now();
const now = Number(wishes.get('now') ?? began);
// The clock starts where the test says and goes on from there.
if (wishes.has('now')) {
  const real = Date.now;
  Date.now = () => now + (real() - began);
}

const options: DemoOptions = {
  now: Date.now,
  rooms:
    scene === 'empty'
      ? []
      : scene === 'many'
        ? [...rooms(now), ...manyRooms(now, 2000)]
        : rooms(now),
  signedIn: scene !== 'sign-in',
  desktop: wishes.get('desktop') !== 'no',
  complete: scene !== 'syncing',
  connection: scene === 'offline' ? 'offline' : scene === 'connecting' ? 'connecting' : 'online',
  settings: {
    language: wishes.get('lang') ?? 'en',
    appearance: (wishes.get('theme') as Appearance | null) ?? 'system',
  },
};
if (scene === 'syncing') options.rooms = [];
const demo = new DemoBackend(options);
for (const name of (wishes.get('broken') ?? '').split(',').filter(Boolean))
  demo.broken.set(name as CallName, 'internal');
for (const name of (wishes.get('hang') ?? '').split(',').filter(Boolean))
  demo.broken.set(name as CallName, 'hang');

const target = document.getElementById('app');
if (target) {
  const app = new App(demo);
  Object.assign(window, { demo, app });
  mount(AppView, { target, props: { app } });
}
