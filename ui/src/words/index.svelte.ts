// Which language the app speaks. `language.words` is read inside components, so that a change of
// language is shown at once.

import { en, type Words } from './en';
import { zh } from './zh';

const LANGUAGES: Record<string, Words> = { en, 'zh-CN': zh };

/** The languages that can be chosen, each in its own words. */
export const LANGUAGE_NAMES: [code: string, name: string][] = [
  ['en', 'English'],
  ['zh-CN', '简体中文'],
];

/** The best language that the app has for a list of wishes. */
export function pickLanguage(wishes: readonly string[]): string {
  for (const wish of wishes) {
    if (wish in LANGUAGES) return wish;
    const base = wish.toLowerCase().split('-')[0];
    if (base === 'zh') return 'zh-CN';
    if (base === 'en') return 'en';
  }
  return 'en';
}

class Language {
  /** The language in use, as a BCP 47 tag. */
  code = $state('en');
  /** Its messages. */
  words = $derived<Words>(LANGUAGES[this.code] ?? en);

  /** Use what the settings say; empty means the system's. */
  use(setting: string): void {
    this.code = pickLanguage(setting === '' ? navigator.languages : [setting]);
    document.documentElement.lang = this.code;
  }

  /** The sentence for a code of a failed call or a rejected command. */
  error(code: string): string {
    return this.words.errors[code] ?? `${this.words.errors.other} (${code})`;
  }
}

export const language = new Language();
export type { Words };
