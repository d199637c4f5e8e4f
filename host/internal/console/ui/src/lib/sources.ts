// JSON and bytes for people.

const decoder = new TextDecoder("utf-8", { fatal: true });

/** pretty is JSON with one member a line; what is no JSON stays as it is. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** textOf is a body as text; bytes that are none are shown as a dump. */
export function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return dump(bytes);
  }
}

/** dump shows bytes as numbers and characters, sixteen a line. */
export function dump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, 16_384); at += 16) {
    const part = [...bytes.subarray(at, at + 16)];
    const hex = part.map((b) => b.toString(16).padStart(2, "0")).join(" ").padEnd(47);
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex}  ${part.map((b) => (b > 31 && b < 127 ? String.fromCharCode(b) : "·")).join("")}`);
  }
  if (bytes.length > 16_384) lines.push(`… ${bytes.length - 16_384} bytes more`);
  return lines.join("\n");
}

/** save gives a text to the reader as a file. */
export function save(name: string, text: string): void {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 1000);
}
