// The buttons that stand below a message of the business.

import type { Button, Interactive } from "./body";
import type { FilledButton, Message } from "./message";

export interface Choice {
  kind: "reply" | "list" | "url" | "place" | "contact" | "flow" | "call" | "products" | "address" | "copy" | "none";
  id: string;
  title: string;
  url?: string;
  once?: boolean; // the first tap on one of them uses all up
  /** send is what a tap sends; a choice without it opens something. */
  send?: Record<string, unknown>;
}

/** choices are the buttons of a message. */
export function choices(m: Message): Choice[] {
  if (m.direction === "from_user") return [];
  const i = m.body.interactive;
  if (m.body.type === "interactive" && i) return interactive(m, i);
  return (m.template?.buttons ?? []).map((b) => template(m, b));
}

function interactive(m: Message, i: Interactive): Choice[] {
  const a = i.action;
  switch (i.type) {
    case "button":
      return (a?.buttons ?? []).map((b) => reply(m, b));
    case "list":
      return [{ kind: "list", id: "list", title: a?.button ?? "Choose" }];
    case "cta_url":
      return [{ kind: "url", id: "url", title: a?.parameters?.display_text ?? "Open", url: a?.parameters?.url ?? "" }];
    case "location_request_message":
      return [{ kind: "place", id: "place", title: "Send location" }];
    case "request_contact_info":
      return [{ kind: "contact", id: "contact", title: "Share contact info" }];
    case "flow":
      return [{ kind: "flow", id: "flow", title: a?.parameters?.flow_cta ?? "Open" }];
    case "call_permission_request":
      return [
        { kind: "call", id: "allow", title: "Allow calls", send: { type: "call_permission", accept: true, context: m.id } },
        { kind: "call", id: "deny", title: "Don't allow", send: { type: "call_permission", accept: false, context: m.id } },
      ];
    case "product":
      return [{ kind: "products", id: "products", title: "View" }];
    case "product_list":
      return [{ kind: "products", id: "products", title: "View items" }];
    case "catalog_message":
      return [{ kind: "products", id: "products", title: "View catalog" }];
    case "address_message":
      return [{ kind: "address", id: "address", title: "Provide address" }];
    case "carousel":
      return [];
    default:
      return [{ kind: "none", id: i.type, title: `Not on this phone: ${i.type.replaceAll("_", " ")}` }];
  }
}

/** reply is a reply button, which can be tapped once. */
export function reply(m: Message, b: Button): Choice {
  const r = b.reply ?? b.quick_reply ?? { id: "", title: "" };
  const send = { type: "button_reply", id: r.id, title: r.title, context: m.id };
  return { kind: "reply", id: r.id, title: r.title, once: true, send };
}

/** template is a button of a template. */
export function template(m: Message, b: FilledButton): Choice {
  const id = b.payload ?? b.text;
  switch (b.type.toLowerCase()) {
    case "quick_reply":
      return { kind: "reply", id, title: b.text, once: true, send: { type: "button", text: b.text, payload: id, context: m.id } };
    case "url":
      return { kind: "url", id, title: b.text, url: b.url ?? "" };
    case "copy_code":
    case "otp":
      return { kind: "copy", id, title: b.text || "Copy code" };
    case "flow":
      return { kind: "flow", id, title: b.text || "Open" };
    case "request_contact_info":
      return { kind: "contact", id, title: b.text || "Share contact info" };
    default:
      return { kind: "none", id, title: b.text || b.type.replaceAll("_", " ") };
  }
}
