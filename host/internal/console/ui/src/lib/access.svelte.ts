// The token that a listener beyond the loopback wants.

const key = "aofd.token";

class Access {
  token = $state(sessionStorage.getItem(key) ?? "");
  wanted = $state(false);

  use(token: string): void {
    this.token = token;
    this.wanted = false;
    sessionStorage.setItem(key, token);
  }
}

export const access = new Access();
