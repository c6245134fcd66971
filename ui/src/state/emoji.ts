// The emoji that can be chosen, from bundled data, loaded when first needed.

import { language } from '../words/index.svelte';

export interface Emoji {
  emoji: string;
  name: string;
  group: number;
  words: string;
}

interface Entry {
  annotation: string;
  tags?: string[];
  shortcodes?: string[];
  emoji: string;
  group: number;
  version: number;
}

/** What stands nearest when reacting. */
export const QUICK = ['👍', '❤️', '😂', '🎉', '😮', '🙏'];

/** Emoji of newer Unicode versions are often missing in a system's font. */
const NEWEST = 14;
const loaded = new Map<string, Promise<Emoji[]>>();

export function loadEmoji(): Promise<Emoji[]> {
  const code = language.code;
  let list = loaded.get(code);
  if (!list) {
    list = read(code);
    list.catch(() => loaded.delete(code));
    loaded.set(code, list);
  }
  return list;
}

async function read(code: string): Promise<Emoji[]> {
  const data =
    code === 'zh-CN'
      ? await import('emoji-picker-element-data/zh/cldr/data.json')
      : await import('emoji-picker-element-data/en/cldr/data.json');
  return (data.default as Entry[])
    .filter((entry) => entry.version <= NEWEST && entry.group !== 2)
    .map((entry) => ({
      emoji: entry.emoji,
      name: entry.annotation,
      group: entry.group,
      words: [entry.annotation, ...(entry.tags ?? []), ...(entry.shortcodes ?? [])]
        .join(' ')
        .toLowerCase(),
    }));
}
