// Times as people say them, in the language of the app. `now` is always an argument.

import { language } from './index.svelte';

const DAY = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** The person's own region of the language, if the system names one: days before months, or after. */
function locale(): string {
  const base = language.code.split('-')[0];
  return navigator.languages.find((wish) => wish.split('-')[0] === base) ?? language.code;
}

function format(at: number, options: Intl.DateTimeFormatOptions): string {
  const key = language.code + JSON.stringify(options);
  let formatter = formats.get(key);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat(locale(), options);
    formats.set(key, formatter);
  }
  return formatter.format(at);
}

/** The start of a moment's local day. */
export function dayOf(at: number): number {
  const day = new Date(at);
  day.setHours(0, 0, 0, 0);
  return day.getTime();
}

/** How many local days lie between two moments; 0 on the same day. */
function daysBetween(from: number, to: number): number {
  return Math.round((dayOf(to) - dayOf(from)) / DAY);
}

/** `10:42`. */
export function clock(at: number): string {
  return format(at, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
}

/** For the list: a clock today, a weekday within a week, else a short date; empty for never. */
export function listTime(at: number, now: number): string {
  if (at === 0) return '';
  const days = daysBetween(at, now);
  if (days <= 0) return clock(at);
  if (days < 7) return format(at, { weekday: 'short' });
  if (new Date(at).getFullYear() === new Date(now).getFullYear()) {
    return format(at, { day: 'numeric', month: 'short' });
  }
  return format(at, { day: 'numeric', month: 'short', year: 'numeric' });
}

/** For the line between days. */
export function dayName(at: number, now: number): string {
  const days = daysBetween(at, now);
  if (days === 0) return language.words.chat.today;
  if (days === 1) return language.words.chat.yesterday;
  if (days > 1 && days < 7) return format(at, { weekday: 'long', day: 'numeric', month: 'long' });
  if (new Date(at).getFullYear() === new Date(now).getFullYear()) {
    return format(at, { weekday: 'short', day: 'numeric', month: 'long' });
  }
  return format(at, { day: 'numeric', month: 'long', year: 'numeric' });
}

/** A day without a weekday, with its year if it is another one; a clock today. */
export function dateName(at: number, now: number): string {
  if (daysBetween(at, now) <= 0) return clock(at);
  if (new Date(at).getFullYear() === new Date(now).getFullYear()) {
    return format(at, { day: 'numeric', month: 'long' });
  }
  return format(at, { day: 'numeric', month: 'long', year: 'numeric' });
}

/** All of it, for a tooltip and for screen readers. */
export function fullTime(at: number): string {
  return format(at, { dateStyle: 'full', timeStyle: 'short' });
}
