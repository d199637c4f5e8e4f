// The daemon's API.

import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { DevService } from "../gen/aof/host/v1/dev_pb";
import { HostService } from "../gen/aof/host/v1/host_pb";
import { access } from "./access.svelte";

// The token of a listener that wants one. It is kept for this tab only.
const authorize: Interceptor = (next) => async (request) => {
  if (access.token) request.header.set("Authorization", "Bearer " + access.token);
  try {
    return await next(request);
  } catch (e) {
    if (ConnectError.from(e).code === Code.Unauthenticated) access.wanted = true;
    throw e;
  }
};

const transport = createConnectTransport({ baseUrl: location.origin, interceptors: [authorize] });

export const host = createClient(HostService, transport);
export const dev = createClient(DevService, transport);

/** words says what went wrong, for people. */
export function words(e: unknown): string {
  const c = ConnectError.from(e);
  if (c.code === Code.Unknown && e instanceof TypeError) return "The daemon does not answer.";
  return c.rawMessage || c.message;
}

/** canceled says that we ended the call ourselves. */
export const canceled = (e: unknown): boolean => ConnectError.from(e).code === Code.Canceled;

/** missing says that there is no such thing. */
export const missing = (e: unknown): boolean => ConnectError.from(e).code === Code.NotFound;
