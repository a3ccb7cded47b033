import { once } from "node:events";
import { Worker } from "node:worker_threads";

/** A proxy on loopback behind which a server is further away. */
export interface DelayProxy {
  /** What to use instead of the server's endpoint. */
  readonly endpoint: string;
  stop(): Promise<void>;
}

/**
 * Starts a proxy in a thread of its own, so that its work is not done at the expense of what is measured.
 *
 * @param endpoint - `http://HOST:PORT` of the server.
 * @param roundTripMs - Added to each request and its response together; half of it on each way. Connecting takes no longer than without.
 */
export async function startDelayProxy(endpoint: string, roundTripMs: number): Promise<DelayProxy> {
  const { hostname, port } = new URL(endpoint);
  const worker = new Worker(new URL("./delay-proxy-worker.js", import.meta.url), { workerData: { hostname, port: Number(port), oneWayMs: roundTripMs / 2 } });
  const messages: readonly unknown[] = await once(worker, "message");
  const [own] = messages;
  if (typeof own !== "number") throw new Error("The proxy did not say its port.");
  return {
    endpoint: `http://127.0.0.1:${own}`,
    stop: async () => {
      await worker.terminate();
    },
  };
}
