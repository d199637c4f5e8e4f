// The faults that the page offers with a switch. The control API has more, and finer ones.

export interface Offer {
  on: "webhook" | "call";
  do: string;
  name: string;
  note: string;
  with?: Record<string, unknown>;
}

export const offers: Offer[] = [
  { on: "webhook", do: "duplicate", name: "Duplicate", note: "The webhook comes twice" },
  { on: "webhook", do: "reorder", name: "Reorder", note: "It waits until the next one was taken" },
  { on: "webhook", do: "batch", name: "Batch", note: "Two of them go out as one", with: { size: 2 } },
  { on: "webhook", do: "delay", name: "Delay", note: "It comes five seconds later", with: { after: "5s" } },
  { on: "webhook", do: "bad_signature", name: "Bad signature", note: "One attempt is signed wrongly" },
  { on: "webhook", do: "truncated", name: "Cut off", note: "One attempt ends in the middle" },
  { on: "webhook", do: "unknown", name: "From the future", note: "With members and types that nobody knows" },
  { on: "webhook", do: "lost", name: "Answer lost", note: "Your 200 gets lost, so it comes again" },
  { on: "call", do: "lost", name: "Answer lost", note: "Accepted, and the connection breaks before the answer" },
  { on: "call", do: "reset", name: "Connection reset", note: "It breaks before anything is accepted" },
  { on: "call", do: "slow", name: "Slow", note: "The answer takes three seconds", with: { after: "3s" } },
  { on: "call", do: "http", name: "Unavailable", note: "The edge answers 503", with: { status: 503 } },
  { on: "call", do: "error", name: "Too many", note: "Refused with 130429, the throughput limit", with: { code: 130429 } },
  { on: "call", do: "failed", name: "Fails later", note: "Accepted, then failed with 131026", with: { code: 131026 } },
  { on: "call", do: "drop", name: "Swallowed", note: "Accepted, and nothing else ever happens" },
];
