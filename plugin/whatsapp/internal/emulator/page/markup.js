// Writes a message's text with its markup as nodes. All text goes through textContent, so nothing in it
// can become an element.

const inlineMark = new RegExp(
  [
    "`([^`\\n]+)`", // 1: code
    "(https?:\\/\\/[^\\s<>\"']+)", // 2: a link
    "(?<![\\p{L}\\p{N}])([*_~])(?=\\S)((?:[^\\n]*?\\S)??)\\3(?![\\p{L}\\p{N}])", // 3: the marker, 4: inside
  ].join("|"),
  "u",
);
const elements = { "*": "strong", "_": "em", "~": "s" };

/** node makes an element with a class and a text. */
export function node(name, className = "", text = "") {
  const n = document.createElement(name);
  if (className) n.className = className;
  if (text) n.textContent = text;
  return n;
}

/** link makes an anchor; an address that is not http or https stays text. */
export function link(address, label) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return node("span", "", label);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") return node("span", "", label);
  const a = node("a", "", label);
  a.href = url.href;
  a.target = "_blank";
  a.rel = "noopener noreferrer";
  return a;
}

/** marked writes a text with markup into parent. */
export function marked(parent, text) {
  text.split(/```([\s\S]+?)```/).forEach((piece, i) => {
    if (i % 2 === 1) parent.append(node("pre", "", piece.replace(/^\n|\n$/g, "")));
    else if (piece) lines(parent, piece);
  });
}

function lines(parent, text) {
  text.split("\n").forEach((line, i) => {
    if (i > 0) parent.append("\n");
    if (line.startsWith("> ")) {
      const q = node("span", "cited");
      inline(q, line.slice(2));
      parent.append(q);
    } else inline(parent, line);
  });
}

function inline(parent, text, depth = 0) {
  for (;;) {
    const m = depth < 4 ? inlineMark.exec(text) : null;
    if (!m) break;
    parent.append(text.slice(0, m.index));
    if (m[1] !== undefined) parent.append(node("code", "", m[1]));
    else if (m[2] !== undefined) parent.append(link(m[2], m[2]));
    else if (m[4]) {
      const e = node(elements[m[3]]);
      inline(e, m[4], depth + 1);
      parent.append(e);
    } else parent.append(m[0]);
    text = text.slice(m.index + m[0].length);
  }
  parent.append(text);
}
