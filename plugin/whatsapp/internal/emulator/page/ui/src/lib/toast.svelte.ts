// Short notes at the lower end of the page, read out by screen readers.

export const toasts = $state<{ id: number; text: string }[]>([]);
let last = 0;

/** toast shows a text for some seconds. */
export function toast(text: string): void {
  const id = ++last;
  toasts.push({ id, text });
  if (toasts.length > 3) toasts.shift();
  setTimeout(() => {
    const at = toasts.findIndex((t) => t.id === id);
    if (at >= 0) toasts.splice(at, 1);
  }, 4000 + text.length * 40);
}

/** tried runs something and shows why it failed; it reports whether it did not. */
export async function tried(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (e) {
    toast((e as Error).message);
    return false;
  }
}
