// Short notes, read out by screen readers.

import { words } from "./api";

export const toasts = $state<{ id: number; text: string; bad: boolean }[]>([]);
let last = 0;

/** toast shows a text for some seconds. */
export function toast(text: string, bad = false): void {
  const id = ++last;
  toasts.push({ id, text, bad });
  if (toasts.length > 3) toasts.shift();
  setTimeout(() => {
    const at = toasts.findIndex((t) => t.id === id);
    if (at >= 0) toasts.splice(at, 1);
  }, 4000 + text.length * 40);
}

/** tried runs something and shows why it failed; it reports whether it did not. */
export async function tried(work: () => Promise<unknown>, done = ""): Promise<boolean> {
  try {
    await work();
    if (done) toast(done);
    return true;
  } catch (e) {
    toast(words(e), true);
    return false;
  }
}
