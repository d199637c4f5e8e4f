// Light or dark: what was chosen here, else what the system says.

const key = "aofd.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

class Theme {
  #chosen = $state(localStorage.getItem(key) ?? "");
  #system = $state(system.matches);

  constructor() {
    system.addEventListener("change", () => (this.#system = system.matches));
  }

  get dark(): boolean {
    return this.#chosen ? this.#chosen === "dark" : this.#system;
  }

  get name(): "dark" | "light" {
    return this.dark ? "dark" : "light";
  }

  toggle(): void {
    this.#chosen = this.dark ? "light" : "dark";
    localStorage.setItem(key, this.#chosen);
  }
}

export const theme = new Theme();
