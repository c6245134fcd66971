// The words of the UI in each language, and how a search ranks what it finds.

import { afterEach, describe, expect, it } from 'vitest';
import { closeness, fitting } from '../../src/people/search.svelte';
import { isFewEmoji, plainText } from '../../src/state/plain';
import { en } from '../../src/words/en';
import { language, pickLanguage } from '../../src/words/index.svelte';
import { dayName, listTime } from '../../src/words/time';
import { zh } from '../../src/words/zh';

afterEach(() => language.use('en'));

/** Every path to a message. */
const paths = (value: unknown, at = ''): string[] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, inner]) => paths(inner, `${at}.${key}`))
    : [at];

describe('words', () => {
  it('are there in every language, none more and none fewer', () => {
    expect(paths(zh)).toEqual(paths(en));
  });

  it('say every notice that the client has', () => {
    for (const code of ['cache_rebuilt', 'outbox_rebuilt', 'storage', 'session_ended'])
      expect(en.notices[code], code).toBeTruthy();
  });

  it('are those of the best wish', () => {
    expect(
      [['zh-TW'], ['zh'], ['de-DE', 'en-GB'], ['fr'], ['zh-CN', 'en'], []].map(pickLanguage),
    ).toEqual(['zh-CN', 'zh-CN', 'en', 'en', 'zh-CN', 'en']);
  });

  it('name a code that they do not know', () => {
    expect(language.error('from_the_future')).toBe('That did not work. (from_the_future)');
    expect(language.error('offline')).toBe(en.errors.offline);
  });

  it('count', () => {
    expect([en.chat.members(1), en.chat.members(1200), en.chat.newCount(1000)]).toEqual([
      '1 member',
      '1,200 members',
      '999+ new',
    ]);
  });
});

describe('times', () => {
  const now = new Date(2024, 10, 7, 12).getTime();
  const back = (days: number, hour = 9): number => new Date(2024, 10, 7 - days, hour, 5).getTime();

  it('grow shorter the longer ago they are', () => {
    language.use('en');
    expect(listTime(back(0), now)).toBe('09:05');
    expect(listTime(back(1, 23), now)).toBe('Wed');
    expect(listTime(back(6), now)).toBe('Fri');
    expect(listTime(back(7), now)).toMatch(/31/);
    expect(listTime(back(400), now)).toMatch(/2023/);
    expect(listTime(0, now)).toBe('');
  });

  it('name days in the language of the app', () => {
    expect([dayName(back(0), now), dayName(back(1), now)]).toEqual(['Today', 'Yesterday']);
    language.use('zh-CN');
    expect([dayName(back(0), now), dayName(back(1), now), dayName(back(2), now)]).toEqual([
      '今天',
      '昨天',
      '11月5日星期二',
    ]);
  });
});

describe('searching by name', () => {
  it('finds the beginnings of words first, whatever case and accents', () => {
    expect([
      closeness('Grace Hopper', 'hop'),
      closeness('Grace Hopper', 'race'),
      closeness('Zoë', 'zoe'),
      closeness('李小龙', '小龙'),
      closeness('Ada', 'x'),
    ]).toEqual([2, 1, 2, 1, 0]);
    expect(fitting(['Anna', 'Susan', 'Joan Nash'], 'n', (s) => s)).toEqual([
      'Joan Nash',
      'Anna',
      'Susan',
    ]);
  });

  it('takes what is typed as text and not as a pattern', () => {
    expect(closeness('a.c', '.')).toBe(1);
    expect(closeness('abc', '.*')).toBe(0);
  });
});

describe('plain text', () => {
  it('is every word of a message in one line', () => {
    expect(
      plainText([
        {
          type: 'paragraph',
          spans: [
            { type: 'text', text: 'a ' },
            { type: 'strong', spans: [{ type: 'code', text: 'b' }] },
            { type: 'break' },
            { type: 'link', url: 'https://x', spans: [{ type: 'text', text: 'c' }] },
          ],
        },
        {
          type: 'list',
          start: 1,
          items: [
            [{ type: 'quote', blocks: [{ type: 'code', language: 'rust', text: 'd\n  e' }] }],
          ],
        },
      ]),
    ).toBe('a b c d e');
  });

  it('tells a few emoji from text', () => {
    expect(
      ['🎉', '👩‍👩‍👧‍👦 ❤️', '🏳️‍🌈🎉👍🏽', '🎉🎉🎉🎉', 'a🎉', '1', '#', '', '©'].map(isFewEmoji),
    ).toEqual([true, false, true, false, false, false, false, false, false]);
  });
});
