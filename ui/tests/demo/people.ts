// The people and conversations of the demo: the ones of the design pictures, and harder ones.

import type { Block, PersonView, Span } from '../../src/protocol';

export const person = (
  id: string,
  name: string,
  shown: string,
  about = '',
  online = false,
): PersonView => ({
  id: `00000000-0000-4000-8000-${id.padStart(12, '0')}`,
  name,
  display_name: shown,
  about,
  online,
});

export const ada = person('1', 'ada', 'Ada Lovelace', 'The engine weaves', true);
export const grace = person('2', 'grace', 'Grace Hopper', 'In the logbook', true);
export const alan = person('3', 'alan', 'Alan Turing', 'Thinking about thinking');
export const katherine = person(
  '4',
  'katherine',
  'Katherine Johnson',
  'Numbers checked by hand',
  true,
);
export const margaret = person('5', 'margaret', 'Margaret Hamilton');
export const li = person('6', 'xiaolong', '李小龙', '水', true);
export const layla = person('7', 'layla', 'ليلى الأخيلية', 'شاعرة');
export const long = person(
  '8',
  'wolfeschlegelsteinhausen',
  'Hubert Blaine Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh the Younger of Upper Ambergate',
  'Pneumonoultramicroscopicsilicovolcanoconiosis'.repeat(2),
);
export const emojiName = person('9', 'sun', '🌞 Sunny 👩‍👩‍👧‍👦');
export const bold = person('10', 'mallory', '<b>Mallory</b> <img src=x onerror=alert(1)>');
export const others = [
  person('11', 'dorothy', 'Dorothy Vaughan'),
  person('12', 'edsger', 'Edsger Dijkstra'),
  person('13', 'barbara', 'Barbara Liskov', 'Substitute me'),
  person('14', 'donald', 'Donald Knuth'),
  person('15', 'radia', 'Radia Perlman', 'Spanning trees'),
];
export const everybody = [
  ada,
  grace,
  alan,
  katherine,
  margaret,
  li,
  layla,
  long,
  emojiName,
  bold,
  ...others,
];

/** What a text means, for what is typed in the demo: paragraphs, code blocks, `code`, **strong**, links. */
export function blocksOf(text: string): Block[] {
  const out: Block[] = [];
  for (const [i, part] of text.split('```').entries()) {
    if (i % 2 === 1) {
      const [language = '', ...rest] = part.split('\n');
      out.push({ type: 'code', language, text: rest.join('\n').trimEnd() });
    } else if (part.trim() !== '') {
      out.push({ type: 'paragraph', spans: spansOf(part.trim()) });
    }
  }
  return out;
}

function spansOf(text: string): Span[] {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*|https?:\/\/\S+|\n)/).flatMap((part): Span[] => {
    if (part === '') return [];
    if (part === '\n') return [{ type: 'break' }];
    if (part.startsWith('`')) return [{ type: 'code', text: part.slice(1, -1) }];
    if (part.startsWith('**')) {
      return [{ type: 'strong', spans: [{ type: 'text', text: part.slice(2, -2) }] }];
    }
    if (part.startsWith('http')) {
      return [{ type: 'link', url: part, spans: [{ type: 'text', text: part }] }];
    }
    return [{ type: 'text', text: part }];
  });
}
