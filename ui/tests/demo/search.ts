// Searching in the demo: all words, in any order, as parts of the text; the newest message first.

import type { Args, FoundMessage, MessageView, Piece, Result, Row } from '../../src/protocol';
import { plainText } from '../../src/state/plain';
import { ada } from './people';
import type { Room } from './room';

const PAGE = 40;

const plain = (text: string): string => text.normalize('NFKC').toLowerCase();

/** The text in pieces, with what is searched for as pieces of its own. */
function cut(text: string, words: string[]): Piece[] {
  const hits = words.flatMap((word) => {
    const at = plain(text).indexOf(word);
    return at === -1 ? [] : [{ from: at, to: at + word.length }];
  });
  hits.sort((a, b) => a.from - b.from);
  const pieces: Piece[] = [];
  let done = 0;
  for (const { from, to } of hits) {
    if (from < done) continue;
    if (from > done) pieces.push({ text: text.slice(done, from), hit: false });
    pieces.push({ text: text.slice(from, to), hit: true });
    done = to;
  }
  if (done < text.length) pieces.push({ text: text.slice(done), hit: false });
  return pieces;
}

function found(room: Room, row: Row, body: MessageView, words: string[]): FoundMessage {
  return {
    conversation: room.id,
    seq: row.seq ?? 0,
    at: row.at,
    sender: body.sender,
    mine: body.sender.id === ada.id,
    pieces: cut(plainText(body.blocks), words),
  };
}

const messages = (room: Room): [Row, MessageView][] =>
  room.rows.flatMap((row) =>
    row.seq !== null && row.body.type === 'message' && !row.body.deleted ? [[row, row.body]] : [],
  );

/** The pinned messages of a room, the newest first. */
export function pinned(room: Room): FoundMessage[] {
  return messages(room)
    .filter(([, body]) => body.pinned)
    .map(([row, body]) => found(room, row, body, []))
    .reverse();
}

/** What a search finds. */
export function search(
  rooms: Iterable<Room>,
  { query, conversation, before }: Args<'search'>,
  coverage: Result<'search'>['coverage'],
): Result<'search'> {
  const words = plain(query)
    .split(/[\s"]+/u)
    .filter((word) => /[\p{L}\p{N}\p{S}]/u.test(word));
  const all = words.length === 0 ? [] : [...rooms];
  const hits = all
    .filter((room) => conversation === null || room.id === conversation)
    .flatMap((room) =>
      messages(room)
        .filter(([, body]) => {
          const text = plain(plainText(body.blocks));
          return words.every((word) => text.includes(word));
        })
        .map(([row, body]) => found(room, row, body, words)),
    )
    .sort((a, b) => b.at - a.at || b.seq - a.seq);
  const from = Number(before ?? 0);
  const page = hits.slice(from, from + PAGE);
  return {
    messages: page,
    more: from + PAGE < hits.length ? String(from + PAGE) : null,
    coverage,
  };
}
