// Light or dark: what was chosen here, else what the page around this one says, else what the system says.

const key = "phone.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

class Theme {
  #chosen = $state<string>("");
  #system = $state(system.matches);

  constructor() {
    this.#chosen = new URLSearchParams(location.search).get("theme") ?? localStorage.getItem(key) ?? "";
    system.addEventListener("change", () => (this.#system = system.matches));
    addEventListener("message", (e: MessageEvent<unknown>) => {
      const words = e.data as { theme?: unknown } | null;
      if (e.source === window.parent && (words?.theme === "dark" || words?.theme === "light")) this.#chosen = words.theme;
    });
  }

  get dark(): boolean {
    return this.#chosen ? this.#chosen === "dark" : this.#system;
  }

  toggle(): void {
    this.#chosen = this.dark ? "light" : "dark";
    localStorage.setItem(key, this.#chosen);
  }
}

export const theme = new Theme();
