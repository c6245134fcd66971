// The words of a message without its marks, in one line: for quotes and for screen readers.

import type { Block, Span } from '../protocol';

function ofSpans(spans: Span[]): string {
  return spans
    .map((span) => {
      switch (span.type) {
        case 'text':
        case 'code':
          return span.text;
        case 'break':
          return ' ';
        default:
          return ofSpans(span.spans);
      }
    })
    .join('');
}

function ofBlock(block: Block): string {
  switch (block.type) {
    case 'paragraph':
      return ofSpans(block.spans);
    case 'code':
      return block.text;
    case 'quote':
      return ofBlocks(block.blocks);
    case 'list':
      return block.items.map(ofBlocks).join(' ');
  }
}

function ofBlocks(blocks: Block[]): string {
  return blocks.map(ofBlock).join(' ');
}

/** All words, with single spaces between them. */
export function plainText(blocks: Block[]): string {
  return ofBlocks(blocks).replace(/\s+/gu, ' ').trim();
}

const segments = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Whether a text is nothing but one to three emoji, which are shown larger. */
export function isFewEmoji(text: string): boolean {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed.length > 48) return false;
  let count = 0;
  for (const { segment } of segments.segment(trimmed)) {
    if (
      !/^(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}\uFE0F|\p{Regional_Indicator})/u.test(
        segment,
      )
    ) {
      return false;
    }
    count += 1;
  }
  return count <= 3;
}
