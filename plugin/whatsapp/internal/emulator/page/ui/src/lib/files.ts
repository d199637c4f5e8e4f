// Where the bytes of a message's file are.

import type { Media } from "./body";

/** address of a file that the emulator has; a file elsewhere has none, as the page asks nobody else. */
export const address = (file: Media): string | undefined =>
  file.id ? "_emulator/media/" + encodeURIComponent(file.id) : undefined;

const sizes = new Map<string, Promise<string>>();

/** size asks how large a file is, once, in words; nothing when nobody knows. */
export function size(src: string): Promise<string> {
  let known = sizes.get(src);
  if (!known) {
    known = fetch(src, { headers: { Range: "bytes=0-0" } })
      .then((r) => bytes(Number(r.headers.get("Content-Range")?.split("/")[1] ?? r.headers.get("Content-Length"))))
      .catch(() => "");
    sizes.set(src, known);
  }
  return known;
}

function bytes(n: number): string {
  if (!n) return "";
  if (n < 1000) return `${n} B`;
  return n < 1_000_000 ? `${Math.round(n / 1000)} kB` : `${(n / 1_000_000).toFixed(1)} MB`;
}
