// Serves the demo on loopback and opens pages of it in Debian's Chromium.

import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';

const ui = fileURLToPath(new URL('../..', import.meta.url));
export const target = fileURLToPath(new URL('../../../target', import.meta.url));
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--font-render-hinting=none',
];
/** A Thursday morning, so that pictures are the same every day. */
export const NOW = Date.parse('2024-11-07T10:42:00Z');

/** Starts Debian's Chromium. */
export function launch() {
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
}

/**
 * An empty page of somebody's own. Whatever it reports as wrong is in `faults`, unless it `isExpected`.
 */
export async function emptyPage(
  browser,
  { width = 1320, height = 860, scheme = 'light', isExpected = () => false } = {},
) {
  const context = await browser.newContext({
    viewport: { width, height },
    reducedMotion: 'reduce',
    colorScheme: scheme,
    timezoneId: 'UTC',
    locale: 'en-GB',
  });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const page = await context.newPage();
  const faults = [];
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('console', (message) => {
    const bad = message.type() === 'error' || message.type() === 'warning';
    if (bad && !isExpected(message)) faults.push(`${message.type()}: ${message.text()}`);
  });
  return { page, context, faults };
}

/** Builds and serves the demo. The answer has its address, a browser, and `close`. */
export async function startDemo() {
  const outDir = `${target}/ui-demo`;
  const config = {
    configFile: false,
    root: `${ui}/tests/demo`,
    base: './',
    publicDir: `${ui}/public`,
    logLevel: 'warn',
    plugins: [svelte({ configFile: `${ui}/svelte.config.js` })],
    define: { __VERSION__: JSON.stringify('0.0.0') },
    build: {
      outDir,
      emptyOutDir: true,
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      minify: false,
      target: 'es2022',
    },
    preview: { host: '127.0.0.1', port: 0 },
  };
  await build(config);
  const server = await preview({ ...config, build: { outDir } });
  const address = server.resolvedUrls?.local[0];
  const browser = await launch();
  return {
    browser,
    address,
    async close() {
      await browser.close();
      await server.close();
    },
  };
}

/**
 * Opens the demo. `wishes` go to its address, `text` is its size in percent, the rest are for the page.
 */
export async function openDemo(demo, { wishes = {}, text = 100, ...options } = {}) {
  const { page, context, faults } = await emptyPage(demo.browser, options);
  if (text !== 100) {
    await page.addInitScript((percent) => {
      document.addEventListener('readystatechange', () => {
        document.documentElement.style.fontSize = `${percent}%`;
      });
    }, text);
  }
  await page.goto(`${demo.address}?${new URLSearchParams({ now: String(NOW), ...wishes })}`);
  await idle(page);
  return { page, context, faults };
}

/** Waits until the page says that nothing is on its way. */
export async function idle(page) {
  await page.waitForSelector('html[data-idle]', { state: 'attached', timeout: 15_000 });
}

export const byId = (id) => `[data-testid=${id}]`;
export const conversation = (name) => `${byId('conversation-item')}:has-text("${name}")`;
