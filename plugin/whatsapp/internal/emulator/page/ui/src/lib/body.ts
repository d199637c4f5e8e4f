// What messages are made of, as they stand in the Graph API and in webhooks. Members that the page does
// not show are left out.

export interface Media {
  id?: string;
  link?: string;
  caption?: string;
  filename?: string;
  mime_type?: string;
  voice?: boolean;
  animated?: boolean;
}

export interface Place {
  latitude: number | string;
  longitude: number | string;
  name?: string;
  address?: string;
  url?: string;
}

export interface Person {
  name?: { formatted_name?: string };
  phones?: { phone?: string; type?: string; wa_id?: string }[];
  emails?: { email?: string; type?: string }[];
  urls?: { url?: string }[];
  org?: { company?: string; department?: string; title?: string };
}

export interface Row {
  id: string;
  title: string;
  description?: string;
}

export interface Section {
  title?: string;
  rows?: Row[];
  product_items?: { product_retailer_id: string }[];
}

export interface Header {
  type: "text" | "image" | "video" | "document";
  text?: string;
  image?: Media;
  video?: Media;
  document?: Media;
}

export interface Button {
  type?: string;
  reply?: { id: string; title: string };
  quick_reply?: { id: string; title: string };
}

export interface Card {
  header?: Header;
  body?: { text: string };
  action?: { buttons?: Button[]; parameters?: { display_text?: string; url?: string }; product_retailer_id?: string; catalog_id?: string };
}

export interface Interactive {
  type: string;
  header?: Header;
  body?: { text: string };
  footer?: { text: string };
  action?: {
    name?: string;
    button?: string;
    buttons?: Button[];
    sections?: Section[];
    cards?: Card[];
    catalog_id?: string;
    product_retailer_id?: string;
    parameters?: {
      display_text?: string;
      url?: string;
      flow_cta?: string;
      flow_token?: string;
      thumbnail_product_retailer_id?: string;
      values?: Record<string, string>;
    };
  };
  button_reply?: Row;
  list_reply?: Row;
  nfm_reply?: { body?: string; name?: string; response_json?: string };
  call_permission_reply?: { response?: string };
}

export interface Parameter {
  type: string;
  text?: string;
  parameter_name?: string;
  payload?: string;
  image?: Media;
  video?: Media;
  document?: Media;
}

export interface Template {
  name: string;
  language?: { code?: string };
  components?: { type: string; sub_type?: string; index?: string | number; parameters?: Parameter[] }[];
}

export interface Body {
  type?: string;
  context?: { id?: string; message_id?: string; forwarded?: boolean; frequently_forwarded?: boolean };
  text?: { body: string; preview_url?: boolean };
  image?: Media;
  video?: Media;
  audio?: Media;
  document?: Media;
  sticker?: Media;
  location?: Place;
  contacts?: Person[];
  reaction?: { message_id: string; emoji?: string };
  interactive?: Interactive;
  button?: { payload?: string; text: string };
  template?: Template;
  system?: { body?: string; type?: string };
  order?: { text?: string; product_items?: { product_retailer_id: string; quantity: number; item_price?: number | string; currency?: string }[] };
  pin?: { type: string; message_id: string };
}

export type MediaKind = "image" | "video" | "audio" | "document" | "sticker";

/** media returns the file that a message is made of. */
export function media(b: Body): { kind: MediaKind; file: Media } | undefined {
  const kind = b.type as MediaKind;
  const file = ["image", "video", "audio", "document", "sticker"].includes(kind) ? b[kind] : undefined;
  return file && { kind, file };
}
