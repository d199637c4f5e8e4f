// Calls the emulator's control API.

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const answer = await fetch("_emulator/" + path, {
    method,
    ...(body !== undefined && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
  });
  return read(answer);
}

async function read<T>(answer: Response): Promise<T> {
  const text = await answer.text();
  const value: unknown = text && answer.headers.get("Content-Type")?.includes("json") ? JSON.parse(text) : text;
  if (answer.ok) return value as T;
  throw new Error((value as { error?: string }).error ?? `the emulator answers ${answer.status}`);
}

const query = (values: Record<string, string | number | undefined>): string => {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(values)) if (v !== undefined) q.set(k, String(v));
  return "?" + q;
};

export const api = {
  get: <T>(path: string, values?: Record<string, string | number | undefined>) =>
    call<T>("GET", path + (values ? query(values) : "")),
  post: <T = unknown>(path: string, body: unknown = {}) => call<T>("POST", path, body),
  patch: <T = unknown>(path: string, body: unknown) => call<T>("PATCH", path, body),
  remove: (path: string) => call("DELETE", path),

  /** upload gives the phone's file to the emulator and returns its id. */
  async upload(file: Blob, filename: string): Promise<string> {
    const answer = await fetch("_emulator/media" + query({ filename }), {
      method: "POST",
      headers: { "Content-Type": file.type || "application/octet-stream" },
      body: file,
    });
    return (await read<{ id: string }>(answer)).id;
  },
};
