// The sheet that shows the rows of a list.

import { node } from "./markup.js";

const sheet = document.getElementById("sheet");
const rows = document.getElementById("sheet-rows");

document.getElementById("sheet-close").addEventListener("click", () => sheet.close());
sheet.addEventListener("click", (e) => {
  if (e.target === sheet) sheet.close(); // outside of the sheet
});

/** openSheet shows the rows of message m; tap is called with the one that is chosen. */
export function openSheet(m, tap) {
  const { action } = m.body.interactive;
  document.getElementById("sheet-title").textContent = action.button;
  rows.replaceChildren(...action.sections.map((s) => section(s, m, tap)));
  rows.querySelector("button").autofocus = true;
  sheet.showModal();
  sheet.scrollTop = 0;
}

function section(s, m, tap) {
  const part = node("section");
  const list = node("ul");
  if (s.title) {
    part.append(node("h3", "", s.title));
    list.setAttribute("aria-label", s.title);
  }
  for (const r of s.rows) {
    const b = node("button");
    b.type = "button";
    b.append(node("span", "title", r.title));
    if (r.description) b.append(node("span", "note", r.description));
    b.addEventListener("click", () => {
      sheet.close();
      const chosen = { type: "list_reply", id: r.id, title: r.title, context: m.id };
      tap(r.description ? { ...chosen, description: r.description } : chosen);
    });
    const item = node("li");
    item.append(b);
    list.append(item);
  }
  part.append(list);
  return part;
}
