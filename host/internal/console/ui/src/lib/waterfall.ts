// Where the hops of a trace stand on a line of time.

import type { Hop } from "../gen/aof/host/v1/trace_pb";

export interface Scale {
  /** at says where a moment stands, from 0 to 100; moments are microseconds after the first hop. */
  at(us: number): number;
  ticks: { at: number; label: string }[];
  kind: "even" | "stretched";
}

const steps = [1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 3e7, 6e7, 3e8, 6e8, 36e8, 36e9, 864e8];

/**
 * scale fits a trace: even while everything is near, and stretched at its beginning when a receipt came long
 * after, so that milliseconds and hours are both seen.
 */
export function scale(total: number, kind: "even" | "stretched" | "auto" = "auto"): Scale {
  const end = Math.max(total, 1000);
  const chosen = kind === "auto" ? (end > 5_000_000 ? "stretched" : "even") : kind;
  if (chosen === "even") {
    const step = steps.find((s) => end / s <= 6) ?? 864e8;
    const ticks = [];
    for (let t = 0; t <= end; t += step) ticks.push({ at: (t / end) * 100, label: short(t) });
    return { at: (us) => Math.min(100, (us / end) * 100), ticks, kind: chosen };
  }
  const log = (us: number) => Math.log1p(us / 1000);
  const at = (us: number) => Math.min(100, (log(us) / log(end)) * 100);
  const marks = [0, 1e3, 1e4, 1e5, 1e6, 1e7, 6e7, 6e8, 36e8, 36e9, 864e8].filter((t) => t <= end);
  return { at, ticks: marks.map((t) => ({ at: at(t), label: short(t) })), kind: chosen };
}

function short(us: number): string {
  if (us === 0) return "0";
  if (us < 1e6) return `${us / 1e3} ms`;
  if (us < 6e7) return `${us / 1e6} s`;
  if (us < 36e8) return `${us / 6e7} min`;
  return us < 864e8 ? `${us / 36e8} h` : `${us / 864e8} d`;
}

/** span is the whole length of some hops, in microseconds. */
export const span = (hops: Hop[]): number => hops.reduce((end, h) => Math.max(end, Number(h.offsetUs) + Number(h.durationUs)), 0);
