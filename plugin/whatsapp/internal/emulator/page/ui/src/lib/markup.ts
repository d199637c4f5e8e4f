// Reads a message's markup into a tree. The tree holds texts only; what draws it makes text nodes, so
// nothing in a message can become an element.

export type Inline =
  | { kind: "text"; text: string }
  | { kind: "code"; text: string }
  | { kind: "link"; text: string; href: string }
  | { kind: "bold" | "italic" | "strike"; children: Inline[] };

export type Block =
  | { kind: "code"; text: string }
  | { kind: "text" | "quote"; children: Inline[] }
  | { kind: "bullets"; start: number; items: Inline[][] }
  | { kind: "numbers"; start: number; items: Inline[][] };

const marks = { "*": "bold", _: "italic", "~": "strike" } as const;

// Markers have no space inside and no letter or digit outside, and do not span lines. A zero-width space counts
// as what keeps a marker from being one, on both sides.
const mark = new RegExp(
  [
    "`([^`\\n]+)`", // 1: code
    "(https?:\\/\\/[^\\s<>\"']*[^\\s<>\"'.,;:!?)\\]])", // 2: a link, without the stop behind it
    "(?<![\\p{L}\\p{N}\\u200b])([*_~])(?=[^\\s\\u200b])((?:[^\\n]*?[^\\s\\u200b])??)\\3(?![\\p{L}\\p{N}\\u200b])", // 3: the marker, 4: inside
  ].join("|"),
  "u",
);

/** parse reads a text with markup. */
export function parse(text: string): Block[] {
  const blocks: Block[] = [];
  text.split(/```([\s\S]+?)```/).forEach((piece, i) => {
    if (i % 2 === 1) blocks.push({ kind: "code", text: piece.replace(/^\n|\n$/g, "") });
    else if (piece) lines(piece, blocks);
  });
  return blocks;
}

function lines(text: string, blocks: Block[]): void {
  // The line breaks around a block of code belong to it.
  if (blocks.length > 0) text = text.replace(/^\n/, "");
  for (const line of text.split("\n")) {
    const last = blocks.at(-1);
    const item = /^(?:[-*]|(\d{1,3})\.) (\S.*)$/.exec(line);
    if (item) {
      const kind = item[1] ? "numbers" : "bullets";
      const words = inline(item[2] ?? "");
      if (last?.kind === kind) last.items.push(words);
      else blocks.push({ kind, start: Number(item[1] ?? 1), items: [words] });
    } else if (line.startsWith("> ")) {
      blocks.push({ kind: "quote", children: inline(line.slice(2)) });
    } else if (last?.kind === "text") {
      last.children.push({ kind: "text", text: "\n" }, ...inline(line));
    } else {
      blocks.push({ kind: "text", children: inline(line) });
    }
  }
}

function inline(text: string, depth = 0): Inline[] {
  const out: Inline[] = [];
  for (;;) {
    const m = depth < 4 ? mark.exec(text) : null;
    if (!m) break;
    if (m.index > 0) out.push({ kind: "text", text: text.slice(0, m.index) });
    if (m[1] !== undefined) out.push({ kind: "code", text: m[1] });
    else if (m[2] !== undefined) out.push({ kind: "link", text: m[2], href: m[2] });
    else if (m[3] && m[4]) out.push({ kind: marks[m[3] as keyof typeof marks], children: inline(m[4], depth + 1) });
    else out.push({ kind: "text", text: m[0] });
    text = text.slice(m.index + m[0].length);
  }
  if (text) out.push({ kind: "text", text });
  return out;
}

/** plain is a text without its markup, in one line. */
export function plain(text: string): string {
  const words = (list: Inline[]): string => list.map((n) => ("children" in n ? words(n.children) : n.text)).join("");
  return parse(text)
    .map((b) => ("items" in b ? b.items.map(words).join(" ") : "children" in b ? words(b.children) : b.text))
    .join(" ")
    .replace(/\s+/g, " ")
    .trim();
}

const oneEmoji =
  /^(?:(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}\uFE0F)(?:[\p{Emoji_Modifier}\uFE0F]|\u200D\p{Extended_Pictographic}\uFE0F?)*|\p{Regional_Indicator}{2}){1,3}$/u;

/** large says whether a text is one to three emoji and nothing else, which are shown large. */
export const large = (text: string): boolean => oneEmoji.test(text.trim());

/** web returns an address that a link may have: http or https, else nothing. */
export function web(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  return url.protocol === "http:" || url.protocol === "https:" ? url.href : undefined;
}
