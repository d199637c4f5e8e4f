// Which view is shown: the path and the query of the address.

class Route {
  path = $state(location.pathname);
  query = $state.raw(new URLSearchParams(location.search));

  constructor() {
    addEventListener("popstate", () => this.#read());
    // Links within the console change the view without loading the page anew.
    document.addEventListener("click", (e) => {
      const a = (e.target as Element).closest?.("a");
      if (!a || e.defaultPrevented || e.button || e.metaKey || e.ctrlKey || e.shiftKey || a.target || a.origin !== location.origin) return;
      e.preventDefault();
      this.go(a.pathname + a.search);
    });
  }

  #read(): void {
    this.path = location.pathname;
    this.query = new URLSearchParams(location.search);
  }

  go(to: string): void {
    history.pushState(null, "", to);
    this.#read();
    scrollTo(0, 0);
  }

  /** set changes the query of the view that is shown; an empty value takes its member away. */
  set(values: Record<string, string>): void {
    const url = new URL(location.href);
    for (const [k, v] of Object.entries(values)) if (v) url.searchParams.set(k, v);
      else url.searchParams.delete(k);
    history.replaceState(null, "", url);
    this.#read();
  }

  get(name: string): string {
    return this.query.get(name) ?? "";
  }
}

export const route = new Route();

export const traceLink = (id: string): string => "/trace?id=" + encodeURIComponent(id);
export const conversationLink = (key: string): string => "/conversations?key=" + encodeURIComponent(key);
