// Asks for something again and again while a view is shown.

import { untrack } from "svelte";

/** poll calls work now and every some milliseconds, never twice at a time; it returns what ends that. */
export function poll(work: () => Promise<void>, every: number): () => void {
  let over = false;
  let timer = 0;
  async function turn(): Promise<void> {
    try {
      if (!document.hidden) await work();
    } catch {
      // The page shows by itself that the daemon is away; the next turn tries again.
    }
    if (!over) timer = window.setTimeout(() => void turn(), every);
  }
  untrack(() => void turn()); // what work reads must not begin the effect anew that polls
  return () => {
    over = true;
    clearTimeout(timer);
  };
}

/** settled calls f once some milliseconds have passed without another call. */
export function settled(f: () => void, ms: number): () => void {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = window.setTimeout(f, ms);
  };
}
