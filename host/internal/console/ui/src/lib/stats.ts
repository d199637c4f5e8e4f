// Figures over time, ready to be drawn.

import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { GetStatsResponse } from "../gen/aof/host/v1/stats_pb";

export interface Stats {
  times: number[]; // seconds, the beginning of each step
  step: number;
  /** sum adds the series of a name over all platforms, a second. */
  rate(name: string): (number | null)[];
  sum(name: string): (number | null)[];
  /** most takes the highest of all platforms in each step. */
  most(name: string): (number | null)[];
}

export function read(r: GetStatsResponse): Stats {
  const start = r.start ? timestampDate(r.start).getTime() / 1000 : 0;
  const of = (name: string) => r.series.filter((s) => s.name === name);
  const fold = (name: string, take: (a: number, b: number) => number) => {
    const all = of(name);
    return Array.from({ length: r.steps }, (_, i) => {
      const values = all.map((s) => s.values[i] ?? NaN).filter((v) => !Number.isNaN(v));
      return values.length > 0 ? values.reduce(take) : null;
    });
  };
  const sum = (name: string) => fold(name, (a, b) => a + b);
  return {
    times: Array.from({ length: r.steps }, (_, i) => start + i * r.stepSeconds),
    step: r.stepSeconds,
    sum,
    rate: (name) => sum(name).map((v) => (v === null ? null : v / r.stepSeconds)),
    most: (name) => fold(name, Math.max),
  };
}
