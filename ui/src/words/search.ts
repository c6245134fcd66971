// The words of the search, in every language.

const one = (n: number, singular: string, plural: string): string =>
  `${n.toLocaleString('en')} ${n === 1 ? singular : plural}`;
const number = (n: number): string => n.toLocaleString('zh-CN');

export const enSearch = {
  title: 'Search messages',
  open: 'Search messages…',
  here: 'Search in this conversation',
  placeholder: 'Search messages',
  close: 'Close search',
  where: 'Where to search',
  everywhere: 'Everywhere',
  inHere: (title: string) => `In ${title}`,
  conversations: 'Conversations',
  messages: 'Messages',
  results: 'Results',
  hint: 'Words find messages that have all of them. “Quotation marks” find words that follow each other.',
  none: 'Nothing found',
  noneBody: (query: string) => `No message here has “${query}”.`,
  failed: 'The search did not work.',
  count: (n: number, more: boolean) =>
    more ? `More than ${one(n, 'message', 'messages')}` : one(n, 'message', 'messages'),
  tooMany: 'There are more. Another word finds fewer.',
  complete: 'All messages are searched, also offline.',
  since: (day: string) => `All messages since ${day} are searched.`,
  partly: 'Only some messages are on this device yet.',
  coming: 'Older ones are on their way.',
  offline: 'Older ones need a connection.',
  indexing: 'The index is being made anew; some messages are missing for a moment.',
  inPalette: (query: string) => `Search messages for “${query}”`,
};

export const zhSearch: typeof enSearch = {
  title: '搜索消息',
  open: '搜索消息…',
  here: '在此会话中搜索',
  placeholder: '搜索消息',
  close: '关闭搜索',
  where: '搜索范围',
  everywhere: '全部',
  inHere: (title) => `在“${title}”中`,
  conversations: '会话',
  messages: '消息',
  results: '结果',
  hint: '输入词语，查找包含所有词语的消息。用“引号”查找连续的词语。',
  none: '没有找到',
  noneBody: (query) => `没有包含“${query}”的消息。`,
  failed: '搜索失败。',
  count: (n, more) => (more ? `超过 ${number(n)} 条消息` : `${number(n)} 条消息`),
  tooMany: '还有更多结果，请再加一个词。',
  complete: '已搜索全部消息，离线时也可以搜索。',
  since: (day) => `已搜索 ${day} 以来的全部消息。`,
  partly: '本设备上目前只有部分消息。',
  coming: '更早的消息正在获取。',
  offline: '更早的消息需要联网获取。',
  indexing: '正在重建索引，暂时可能找不到部分消息。',
  inPalette: (query) => `搜索包含“${query}”的消息`,
};
