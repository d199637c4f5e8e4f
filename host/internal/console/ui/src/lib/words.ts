// Times, lengths and counts as people read them.

import { timestampDate, type Timestamp } from "@bufbuild/protobuf/wkt";

/** took is a length of time, from microseconds. */
export function took(us: bigint | number): string {
  const n = Number(us);
  if (n < 1000) return `${n} µs`;
  if (n < 10_000) return `${(n / 1000).toFixed(1)} ms`;
  if (n < 1_000_000) return `${Math.round(n / 1000)} ms`;
  if (n < 60_000_000) return `${(n / 1_000_000).toFixed(n < 10_000_000 ? 2 : 1)} s`;
  if (n < 3_600_000_000) return `${Math.floor(n / 60_000_000)} min ${Math.floor((n % 60_000_000) / 1_000_000)} s`;
  if (n < 172_800_000_000) return `${Math.floor(n / 3_600_000_000)} h ${Math.floor((n % 3_600_000_000) / 60_000_000)} min`;
  return `${Math.round(n / 86_400_000_000)} days`;
}

const clockOf = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const preciseOf = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });
const dateOf = new Intl.DateTimeFormat([], { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const wholeOf = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "long" });

export const date = (t: Timestamp | undefined): Date | undefined => t && timestampDate(t);

/** clock is the time of day with milliseconds, some microseconds later. */
export const clock = (t: Timestamp | undefined, later = 0n): string =>
  t ? preciseOf.format(timestampDate(t).getTime() + Number(later) / 1000) : "";

/** whole is date and time, for titles. */
export const whole = (t: Timestamp | undefined): string => (t ? wholeOf.format(timestampDate(t)) : "");

/** when is the time of day, for other days with the date. */
export function when(t: Timestamp | undefined): string {
  if (!t) return "";
  const d = timestampDate(t);
  return d.toDateString() === new Date().toDateString() ? clockOf.format(d) : dateOf.format(d);
}

/** ago is how long something is past. */
export function ago(t: Timestamp | undefined, now: number): string {
  if (!t) return "never";
  const s = Math.max(0, Math.round((now - timestampDate(t).getTime()) / 1000));
  if (s < 5) return "now";
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 172_800) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86_400)} days ago`;
}

/** left is how long something still lasts. */
export function left(t: Timestamp | undefined, now: number): string {
  const ms = t ? timestampDate(t).getTime() - now : 0;
  return ms <= 0 ? "closed" : took(Math.ceil(ms / 1000) * 1_000_000);
}

const compact = new Intl.NumberFormat([], { notation: "compact", maximumFractionDigits: 1 });

export const count = (n: bigint | number): string => compact.format(n);

/** spoken is a state as words: not_delivered is "not delivered". */
export const spoken = (s: string): string => s.replaceAll("_", " ");
