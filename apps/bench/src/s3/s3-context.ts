import { storageKey, type StorageBackend } from "@holdfast/storage";
import { nodeHttpPort, s3Backend } from "@holdfast/storage-s3";

import type { BenchContext, RowResult } from "../row.js";
import { startDelayProxy } from "./delay-proxy.js";
import { countingPort, type Prices, type RequestCounts } from "./request-counts.js";
import type { S3Session } from "../../../../scripts/s3-session.js";

/** What every family of rows over a server is given. */
export interface S3Context extends BenchContext {
  readonly session: S3Session;
  /** Seconds of each run of a comparison of rates. */
  readonly seconds: number;
  readonly prices: Prices;
  /** A directory of the bucket that nobody has used. */
  freshPrefix(): string;
}

/** A group of rows that are measured together, on a server. */
export interface S3Family {
  readonly id: string;
  readonly work: string;
  steps(runs: number): number;
  run(context: S3Context): Promise<readonly RowResult[]>;
}

/** The store, so and so far away. */
export interface DistantStore {
  readonly storage: StorageBackend;
  /** Requests since the last call. */
  taken(): RequestCounts;
}

/** Requests under way at a time: as many as the backend allows, so that it is not what limits. */
const MAX_CONCURRENCY = 1000;

/** Runs `work` with the store behind a proxy that adds `roundTripMs` to each request. */
export async function atDistance<T>(context: S3Context, roundTripMs: number, work: (store: DistantStore) => Promise<T>): Promise<T> {
  const { session } = context;
  const proxy = await startDelayProxy(session.endpoint, roundTripMs);
  const port = countingPort(nodeHttpPort());
  try {
    await using storage = s3Backend({
      endpoint: proxy.endpoint,
      bucket: session.bucket,
      region: session.region,
      credentials: { accessKeyId: session.accessKeyId, secretAccessKey: session.secretAccessKey },
      maxConcurrency: MAX_CONCURRENCY,
      port,
    });
    // The first writing call finds out about conditional writes; nobody's run is to pay for it.
    const first = storageKey(`${context.freshPrefix()}/first.x`);
    await storage.create(first, new Uint8Array(1));
    const started = performance.now();
    await storage.stat(first);
    const tookMs = performance.now() - started;
    // Timers may fire a little early.
    if (tookMs < roundTripMs * 0.9) throw new Error(`A request took ${tookMs.toFixed(1)} ms behind a proxy that adds ${roundTripMs}.`);
    port.taken();
    return await work({ storage, taken: () => port.taken() });
  } finally {
    await port.close();
    await proxy.stop();
  }
}
