// What can be done with a message: one list for the buttons, the menu and the keys.

import Copy from '@lucide/svelte/icons/copy';
import Info from '@lucide/svelte/icons/info';
import Pencil from '@lucide/svelte/icons/pencil';
import Pin from '@lucide/svelte/icons/pin';
import PinOff from '@lucide/svelte/icons/pin-off';
import Reply from '@lucide/svelte/icons/reply';
import RotateCw from '@lucide/svelte/icons/rotate-cw';
import SmilePlus from '@lucide/svelte/icons/smile-plus';
import Trash from '@lucide/svelte/icons/trash-2';
import Undo from '@lucide/svelte/icons/undo-2';
import type { MenuItem } from '../components/menu';
import type { ConversationDetails, MessageView, Row } from '../protocol';
import type { App } from '../state/app.svelte';
import { OpenConversation } from '../state/conversation.svelte';
import { language } from '../words/index.svelte';
import { copyText } from './copy';

export interface Action extends MenuItem {
  /** The key that does it while the message has the focus. */
  key?: string;
  /** Whether it also has a button beside the message. */
  near?: boolean;
}

/** What the view has to do itself. */
export interface Hands {
  confirmDelete(): void;
  pickEmoji(): void;
}

export interface Rights {
  answer: boolean;
  react: boolean;
  edit: boolean;
  remove: boolean;
  pin: boolean;
  waiting: boolean;
}

/** What one may do with a message. The server decides; this only hides what it would refuse. */
export function rightsOf(
  row: Row,
  message: MessageView,
  details: ConversationDetails | null,
): Rights {
  const member = details?.member ?? true;
  const leads = details?.kind === 'group' && details.role !== 'member';
  const stands = row.seq !== null && !message.deleted && member;
  return {
    answer: stands,
    react: stands,
    edit: member && message.mine && !message.deleted && (row.seq !== null || message.queued),
    remove: stands && (message.mine || leads),
    pin: stands && (details?.kind === 'direct' || leads),
    waiting: row.seq === null && (message.queued || message.progress === 'failed'),
  };
}

/** The actions that a message has now, in the order in which they are shown. */
export function actionsOf(
  app: App,
  conversation: OpenConversation,
  row: Row,
  message: MessageView,
  hands: Hands,
): Action[] {
  const words = language.words.message;
  const may = rightsOf(row, message, conversation.details);
  const failed = message.progress === 'failed';
  const target = { conversation: conversation.id, seq: row.seq ?? 0 };
  const pending = { conversation: conversation.id, client_ref: row.key };
  const actions: (Action | false)[] = [
    may.waiting &&
      failed && {
        label: words.retry,
        icon: RotateCw,
        act: () => void app.order('retry_pending', pending),
      },
    may.react && {
      label: words.react,
      icon: SmilePlus,
      keys: '+',
      key: '+',
      near: true,
      act: hands.pickEmoji,
    },
    may.answer && {
      label: words.reply,
      icon: Reply,
      keys: 'R',
      key: 'r',
      near: true,
      act: () => {
        const quote = OpenConversation.quote(row);
        if (quote) conversation.composer.answer(quote);
      },
    },
    may.edit && {
      label: words.edit,
      icon: Pencil,
      keys: 'E',
      key: 'e',
      act: () => conversation.composer.edit(row, message),
    },
    message.text !== '' && {
      label: words.copy,
      icon: Copy,
      keys: 'C',
      key: 'c',
      act: async () => {
        if (await copyText(message.text)) app.toasts.say(language.words.chat.copied);
        else app.toasts.complain(language.words.chat.copyFailed);
      },
    },
    may.pin && {
      label: message.pinned ? words.unpin : words.pin,
      icon: message.pinned ? PinOff : Pin,
      keys: 'P',
      key: 'p',
      act: () => void app.order('pin', { ...target, on: !message.pinned }),
    },
    row.seq !== null &&
      !message.deleted && {
        label: words.info,
        icon: Info,
        keys: 'I',
        key: 'i',
        act: () => {
          app.dialog = { name: 'readers', row };
        },
      },
    may.remove && {
      label: words.delete,
      icon: Trash,
      keys: 'Del',
      key: 'Delete',
      danger: true,
      act: hands.confirmDelete,
    },
    may.waiting && {
      label: failed ? words.remove : words.takeBack,
      icon: failed ? Trash : Undo,
      keys: 'Del',
      key: 'Delete',
      danger: true,
      act: () => void app.order('cancel_pending', pending),
    },
  ];
  return actions.filter((action): action is Action => action !== false);
}

/** Add a reaction of one's own, or take it back. */
export function toggleReaction(app: App, conversation: string, row: Row, emoji: string): void {
  if (row.seq === null || row.body.type !== 'message') return;
  const on = !row.body.reactions.some((reaction) => reaction.emoji === emoji && reaction.mine);
  void app.order('react', { conversation, seq: row.seq, emoji, on });
}
