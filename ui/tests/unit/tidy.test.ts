// The sources stay readable, and only one folder knows the window it runs in.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const files = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|svelte|mjs|css)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('src/protocol'));
const all = [...files('src'), ...files('tests')];
const offenders = (paths: string[], wrong: (text: string) => boolean): string[] =>
  paths.filter((path) => wrong(readFileSync(path, 'utf8')));

describe('the sources', () => {
  it('are files that one can read', () => {
    expect(offenders(all, (text) => text.split('\n').length > 480)).toEqual([]);
  });

  it('know Tauri in one place only', () => {
    expect(offenders(files('src'), (text) => /['"]@tauri-apps/.test(text))).toEqual([
      'src/backend/tauri.ts',
    ]);
  });

  it('never turn text into markup, and never run text', () => {
    const markup =
      /\{@html|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function\(/;
    expect(offenders(files('src'), (text) => markup.test(text))).toEqual([]);
  });

  it('fetch nothing from elsewhere, and need no inline style', () => {
    expect(
      offenders(files('src'), (text) =>
        /(?:src|href)="https?:|url\(['"]?https?:|@import/.test(text),
      ),
    ).toEqual([]);
    expect(
      offenders(
        files('src').filter((path) => path.endsWith('.svelte')),
        (text) => /\sstyle="/.test(text),
      ),
    ).toEqual([]);
  });

  it('use no blur that software rendering cannot afford', () => {
    expect(offenders(files('src'), (text) => /backdrop-filter|filter:\s*blur/.test(text))).toEqual(
      [],
    );
  });

  it('keep the demo out of the app', () => {
    expect(offenders(files('src'), (text) => /tests\/|demo\//.test(text))).toEqual([]);
  });
});
