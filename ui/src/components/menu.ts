// What a menu is made of.

import type { Component } from 'svelte';

export type Picture = Component<{ size?: string | number; strokeWidth?: string | number }>;

export interface MenuItem {
  label: string;
  icon?: Picture;
  /** The key that does the same, to be shown beside it. */
  keys?: string;
  danger?: boolean;
  act: () => void;
}

/** Where a menu opens: below this point, or above it if there is no room. */
export interface Point {
  x: number;
  y: number;
}
