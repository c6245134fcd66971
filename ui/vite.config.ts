// How the UI is built, and how its units are tested.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import manifest from './package.json' with { type: 'json' };

// The window loads the page over a custom scheme and the bridge over loopback: all paths are
// relative, and nothing is inlined, so that a policy without `data:` and `unsafe-inline` holds.
export default defineConfig({
  base: './',
  define: { __VERSION__: JSON.stringify(manifest.version) },
  plugins: [svelte()],
  build: {
    target: ['es2022', 'safari16.4', 'chrome110'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  server: { host: '127.0.0.1', port: 4820, strictPort: true },
  resolve: process.env.VITEST ? { conditions: ['browser'] } : {},
  test: {
    environment: 'happy-dom',
    include: ['tests/unit/**/*.test.ts'],
    setupFiles: ['tests/unit/setup.ts'],
  },
});
