// What is in the demo at the start. Times are counted back from a given moment.

import type { Block } from '../../src/protocol';
import {
  ada,
  alan,
  bold,
  emojiName,
  everybody,
  grace,
  katherine,
  layla,
  li,
  long,
  margaret,
  person,
} from './people';
import { message, Room } from './room';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const uuid = (n: number, version: 5 | 7): string =>
  `0193e4a0-0000-${version}000-8000-${String(n).padStart(12, '0')}`;

const direct = (n: number, who: Parameters<Room['say']>[0]): Room =>
  new Room(uuid(n, 5), 'direct', who.display_name, [
    { person: ada, role: 'member' },
    { person: who, role: 'member' },
  ]);

const CODE =
  'while let Some(batch) = log.next().await? {\n    storage.apply(fold(&mut state, &batch))?;\n}';

function engineRoom(now: number): Room {
  const room = new Room(uuid(1, 7), 'group', 'Engine room', [
    { person: ada, role: 'owner' },
    { person: grace, role: 'admin' },
    { person: alan, role: 'member' },
    { person: katherine, role: 'member' },
    { person: margaret, role: 'member' },
    { person: li, role: 'member' },
  ]);
  room.happened(now - 3 * DAY, { what: 'created', by: 'Ada Lovelace', title: 'Engine' });
  room.happened(now - 3 * DAY + MINUTE, {
    what: 'renamed',
    by: 'Ada Lovelace',
    title: 'Engine room',
  });
  room.say(grace, now - DAY - HOUR, 'Who has the key to the machine room?');
  room.say(
    ada,
    now - DAY - 58 * MINUTE,
    'On the hook behind the door. **Please** put it back this time.',
  );
  room.say(grace, now - DAY - 57 * MINUTE, 'I always do!', {
    reactions: [{ emoji: '😂', count: 2, mine: true, names: ['Ada Lovelace', 'Alan Turing'] }],
  });
  room.say(
    katherine,
    now - DAY - 20 * MINUTE,
    'Minutes of yesterday: https://kith.example.org/minutes/2024-11-03?long=parameter',
    { pinned: true },
  );
  room.say(
    alan,
    now - 22 * MINUTE,
    `The new scheduler halves the wait. Here is the loop:\n\`\`\`rust\n${CODE}\n\`\`\``,
    {
      reactions: [
        {
          emoji: '👏',
          count: 3,
          mine: true,
          names: ['Ada Lovelace', 'Grace Hopper', 'Katherine Johnson'],
        },
        { emoji: '🚀', count: 1, mine: false, names: ['Margaret Hamilton'] },
      ],
    },
  );
  room.say(ada, now - 18 * MINUTE, 'Lovely. Does it still hold when the third node is gone?', {
    replyTo: room.head,
  });
  room.happened(now - 12 * MINUTE, {
    what: 'added',
    by: 'Grace Hopper',
    names: ['Margaret Hamilton', '李小龙'],
  });
  room.read = room.head;
  room.say(
    grace,
    now - 4 * MINUTE,
    'It does. I pulled the plug on one at random, three thousand times. @Ada the report is on the shelf.',
  );
  room.say(grace, now - 4 * MINUTE + 20_000, 'No losses in any of them.');
  return room;
}

function hard(now: number): Room {
  const room = new Room(
    uuid(2, 7),
    'group',
    'A very long name of a group that has to be cut somewhere so that nothing else moves aside',
    [
      { person: ada, role: 'admin' },
      { person: long, role: 'owner' },
      { person: bold, role: 'member' },
      { person: emojiName, role: 'member' },
    ],
  );
  const at = now - 2 * HOUR;
  room.say(
    long,
    at,
    `One word: ${'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'.repeat(3)}`,
  );
  room.say(
    bold,
    at + MINUTE,
    '<script>alert(1)</script> <b>not bold</b> &amp; [x](javascript:alert(1))',
  );
  room.say(emojiName, at + 2 * MINUTE, '👩‍👩‍👧‍👦🏳️‍🌈🎉');
  const quoted: Block[] = [
    {
      type: 'quote',
      blocks: [
        {
          type: 'paragraph',
          spans: [{ type: 'text', text: 'Premature optimization is the root of all evil.' }],
        },
      ],
    },
    {
      type: 'paragraph',
      spans: [
        { type: 'text', text: 'Yes, ' },
        { type: 'emphasis', spans: [{ type: 'text', text: 'but' }] },
        { type: 'text', text: ' read the ' },
        { type: 'struck', spans: [{ type: 'text', text: 'second' }] },
        { type: 'text', text: ' next sentence, with ' },
        { type: 'code', text: 'inline code' },
        { type: 'text', text: ':' },
      ],
    },
    {
      type: 'list',
      start: 1,
      items: [
        [{ type: 'paragraph', spans: [{ type: 'text', text: 'Measure' }] }],
        [
          { type: 'paragraph', spans: [{ type: 'text', text: 'Think' }] },
          {
            type: 'list',
            start: null,
            items: [[{ type: 'paragraph', spans: [{ type: 'text', text: 'again' }] }]],
          },
        ],
      ],
    },
  ];
  room.say(long, at + 3 * MINUTE, '> Premature…', { blocks: quoted, edited: true });
  room.say(ada, at + 4 * MINUTE, 'gone', { deleted: true, text: '', blocks: [] });
  room.say(ada, at + 5 * MINUTE, 'One line\nanother line\n\nand after an empty one');
  room.rows.push({
    key: room.ref(),
    seq: room.head + 1,
    at: at + 6 * MINUTE,
    body: { type: 'newer_app' },
  });
  room.rows.push({
    key: room.ref(),
    seq: null,
    at: at + 7 * MINUTE,
    body: {
      type: 'message',
      ...message(ada, 'Nobody wanted this one', 'failed'),
      error: 'blocked',
    },
  });
  room.read = room.head;
  return room;
}

function history(now: number): Room {
  const room = direct(3, katherine);
  const start = now - 40 * DAY;
  for (let i = 1; i <= 10_000; i++) {
    const text = `Reading ${i}: ${'all good '.repeat((i * 7) % 23)}`.trim();
    room.say(i % 5 < 2 ? ada : katherine, start + i * 5 * MINUTE, text);
  }
  room.read = room.head;
  return room;
}

/** The conversations, in no order. */
export function rooms(now: number): Room[] {
  const engine = engineRoom(now);
  const withGrace = direct(4, grace);
  withGrace.say(ada, now - 3 * HOUR, 'How is the moth?', { progress: 'read' });
  withGrace.read = withGrace.head;
  withGrace.say(grace, now - 9 * MINUTE, 'Flat, and famous.');
  withGrace.say(grace, now - 8 * MINUTE, 'The moth is in the logbook, page 92');
  const withAlan = direct(5, alan);
  withAlan.say(alan, now - 52 * MINUTE, 'Shall we say Monday?');
  withAlan.say(ada, now - 50 * MINUTE, 'Sounds right. Monday then?');
  withAlan.read = withAlan.head;
  const withLi = direct(6, li);
  withLi.say(li, now - DAY - 2 * HOUR, '你好！新的机房怎么样？');
  withLi.say(ada, now - DAY - HOUR, '很安静，也很凉快。', { progress: 'delivered' });
  withLi.say(li, now - DAY, '明天下午三点可以吗？');
  withLi.read = withLi.head;
  const withLayla = direct(7, layla);
  withLayla.say(layla, now - 2 * DAY, 'مرحبًا يا آدا، هل قرأت القصيدة؟');
  withLayla.say(ada, now - 2 * DAY + MINUTE, 'نعم، قرأتها مرتين. ما أجملها!');
  withLayla.say(
    layla,
    now - 2 * DAY + 2 * MINUTE,
    'هذا رابط: https://kith.example.org/poem مع نص بعده',
    { replyTo: 2 },
  );
  withLayla.read = withLayla.head;
  const withMargaret = direct(8, margaret);
  withMargaret.say(margaret, now - 3 * DAY, 'The priority displays worked.');
  withMargaret.read = withMargaret.head;
  withMargaret.draft = { text: 'about the priority displays', reply: null };
  const lunch = new Room(uuid(9, 7), 'group', 'Lunch, no strings', [
    { person: grace, role: 'owner' },
    { person: alan, role: 'member' },
  ]);
  lunch.say(grace, now - 4 * DAY, 'Soup today');
  lunch.happened(now - 4 * DAY + MINUTE, { what: 'left', name: 'Ada Lovelace' });
  lunch.left = true;
  lunch.read = lunch.head;
  return [
    engine,
    withGrace,
    withAlan,
    hard(now),
    history(now),
    withLi,
    withLayla,
    withMargaret,
    lunch,
  ];
}

/** Many conversations, for the list. */
export function manyRooms(now: number, count: number): Room[] {
  return Array.from({ length: count }, (_, i) => {
    const room = direct(100 + i, person(String(1000 + i), `person${i}`, `Person ${i}`));
    room.say(everybody[1 + (i % 4)] ?? grace, now - (i + 5) * HOUR, `Message number ${i}`);
    room.read = i % 9 === 0 ? 0 : room.head;
    return room;
  });
}
