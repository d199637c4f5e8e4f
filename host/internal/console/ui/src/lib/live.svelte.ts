// What happens, as it happens: one stream for the whole page, resumed where it broke.

import { host } from "./api";
import type { TailEventsResponse } from "../gen/aof/host/v1/trace_pb";

const most = 2000;

class Live {
  events = $state.raw<TailEventsResponse[]>([]); // oldest first
  connected = $state(false);
  down = $state(false); // has not been connected for some seconds
  now = $state(Date.now());

  #cursor = "";
  #waiting: TailEventsResponse[] = [];
  #listeners = new Set<(e: TailEventsResponse) => void>();

  constructor() {
    setInterval(() => (this.now = Date.now()), 1000);
    void this.#run();
  }

  async #run(): Promise<void> {
    for (let failures = 0; ; ) {
      try {
        for await (const e of host.tailEvents({ cursor: this.#cursor, last: this.#cursor ? 0 : 200 })) {
          this.connected = true;
          this.down = false;
          failures = 0;
          this.#cursor = e.cursor;
          if (e.hop) this.#take(e);
        }
      } catch {
        // The daemon stops or is gone: the stream is resumed after the last event that came.
      }
      this.connected = false;
      if (++failures >= 3) this.down = true;
      if (failures === 6) this.#cursor = ""; // another daemon may know nothing of it
      await new Promise((done) => setTimeout(done, Math.min(3000, 200 * 2 ** Math.min(failures, 5))));
    }
  }

  // Events of one moment are shown at once.
  #take(e: TailEventsResponse): void {
    if (this.#waiting.length === 0) {
      setTimeout(() => {
        this.events = [...this.events, ...this.#waiting].slice(-most);
        this.#waiting = [];
      }, 60);
    }
    this.#waiting.push(e);
    for (const f of this.#listeners) f(e);
  }

  /** on calls f with each event until the returned function is called. */
  on(f: (e: TailEventsResponse) => void): () => void {
    this.#listeners.add(f);
    return () => this.#listeners.delete(f);
  }
}

export const live = new Live();
