import http from "node:http";
import https from "node:https";
import { onAbort, systemClock } from "@holdfast/storage";
import { HttpPortError, type Clock, type HttpPort, type HttpRequest, type HttpResponse } from "@holdfast/storage/ports";

/** Options of {@link nodeHttpPort}. */
export interface NodeHttpPortOptions {
  /** Idle connections are closed after so many milliseconds, or sooner where the server says so. Default 4,000. */
  readonly idleMs?: number | undefined;
  /** Certificates of authorities to trust instead of the system's, in PEM. */
  readonly ca?: string | undefined;
  /** Measures how long nothing moved in a response. Default: the system's. */
  readonly clock?: Clock | undefined;
}

/**
 * HTTP/1.1 by `node:http` and `node:https`, over connections that are kept. These never send anything twice, follow nothing and
 * decode nothing, and they tell whether a connection was there when a request failed.
 */
export function nodeHttpPort(options: NodeHttpPortOptions = {}): HttpPort {
  const { idleMs = 4_000, ca, clock = systemClock } = options;
  const kept = { keepAlive: true, maxFreeSockets: 256, timeout: idleMs };
  const agents = {
    "http:": new http.Agent(kept),
    "https:": new https.Agent({ ...kept, ...(ca === undefined ? {} : { ca }) }),
  };
  let isClosed = false;
  const closeIdle = (agent: http.Agent): void => {
    for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy();
  };
  for (const agent of Object.values(agents)) {
    // Behind the agent's own listener: a connection that is done with only after `close` is not kept either.
    agent.on("free", () => {
      if (isClosed) closeIdle(agent);
    });
  }
  return {
    name: "node",
    request: (request) =>
      new Promise((resolve, reject) => {
        isClosed = false;
        start(request, agents, clock, resolve, reject);
      }),
    close() {
      isClosed = true;
      for (const agent of Object.values(agents)) closeIdle(agent);
      return Promise.resolve();
    },
  };
}

interface Agents {
  readonly "http:": http.Agent;
  readonly "https:": https.Agent;
}

/** What is left of a body is read to its end, so that the connection can be kept, if it is at most so long. */
const DRAIN_BYTES = 65_536;

function start(request: HttpRequest, agents: Agents, clock: Clock, resolve: (response: HttpResponse) => void, reject: (reason: unknown) => void): void {
  const { signal, body, timeoutMs } = request;
  if (signal?.aborted === true) {
    reject(signal.reason);
    return;
  }
  const url = new URL(request.url);
  const secure = url.protocol === "https:";
  const headers = body === undefined && request.method !== "PUT" && request.method !== "POST" ? request.headers : withLength(request);
  const outgoing = (secure ? https : http).request(url, {
    method: request.method,
    headers,
    agent: secure ? agents["https:"] : agents["http:"],
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
  });
  const life: Life = { handedOver: false, answered: false, ended: false };
  watchConnection(outgoing, secure, life);
  const letGo = onAbort(signal, () => {
    outgoing.destroy();
    reject(signal?.reason);
  });
  const end = (): void => {
    life.ended = true;
    letGo();
  };
  // A body that is being read has a limit of its own, which does not run while its reader is busy.
  outgoing.on("timeout", () => {
    if (timeoutMs !== undefined && (!life.answered || life.ended)) outgoing.destroy(new Error(`nothing moved for ${timeoutMs} ms`));
  });
  outgoing.on("error", (cause) => {
    // Behind the head of the response the error shows where the body is read.
    if (life.answered) return;
    end();
    const outcome = life.handedOver ? "unknown" : "not_applied";
    reject(new HttpPortError(`${request.method} ${url.host}: ${describe(cause)}`, { outcome, cause }));
  });
  outgoing.once("response", (incoming) => {
    life.answered = true;
    resolve(toResponse(incoming, { request, clock, host: url.host, end }));
  });
  outgoing.end(body);
}

interface Life {
  /** A connection was there, so anything may have been sent. */
  handedOver: boolean;
  answered: boolean;
  /** Nobody reads the body any more. */
  ended: boolean;
}

function watchConnection(outgoing: http.ClientRequest, secure: boolean, life: Life): void {
  outgoing.once("socket", (socket) => {
    if (outgoing.reusedSocket || (!secure && !socket.connecting)) life.handedOver = true;
    else {
      socket.once(secure ? "secureConnect" : "connect", () => {
        life.handedOver = true;
      });
    }
  });
}

interface BodyOf {
  readonly request: HttpRequest;
  readonly clock: Clock;
  readonly host: string;
  /** Nobody reads the body any more. */
  readonly end: () => void;
}

function toResponse(incoming: http.IncomingMessage, of: BodyOf): HttpResponse {
  let isTaken = false;
  // An error that nobody reads for must not end the process; who reads gets it from the iterator.
  incoming.on("error", () => undefined);
  return {
    status: incoming.statusCode ?? 0,
    headers: toHeaders(incoming.headers),
    body: {
      [Symbol.asyncIterator]() {
        if (isTaken) throw new Error("a body can be read once");
        isTaken = true;
        return pieces(incoming, of);
      },
    },
    discard() {
      of.end();
      const isShort = Number(incoming.headers["content-length"] ?? Infinity) <= DRAIN_BYTES || of.request.method === "HEAD";
      // A connection is free again when the answer was read to its end, also one that has all come, or is empty.
      if ((isShort || incoming.complete) && !isTaken) incoming.resume();
      else if (!incoming.readableEnded) incoming.destroy();
    },
  };
}

async function* pieces(incoming: http.IncomingMessage, of: BodyOf): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal, timeoutMs } = of.request;
  const iterator: AsyncIterator<Buffer> = incoming[Symbol.asyncIterator]();
  try {
    while (true) {
      const cancel =
        timeoutMs === undefined
          ? undefined
          : of.clock.setTimer(() => incoming.destroy(new Error(`nothing moved for ${timeoutMs} ms`)), timeoutMs);
      const next = await iterator.next().finally(() => cancel?.());
      signal?.throwIfAborted();
      if (next.done === true) return;
      yield new Uint8Array(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw new HttpPortError(`${of.request.method} ${of.host}: the response broke off: ${describe(cause)}`, { outcome: "unknown", cause });
  } finally {
    of.end();
    // Without an end of its own the connection is of no use to anybody else.
    if (!incoming.readableEnded) incoming.destroy();
  }
}

function withLength(request: HttpRequest): Record<string, string> {
  return { ...request.headers, "content-length": String(request.body?.byteLength ?? 0) };
}

function toHeaders(headers: http.IncomingHttpHeaders): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) result[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return result;
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return "unknown error";
  return "code" in cause && typeof cause.code === "string" ? cause.code : cause.message;
}
