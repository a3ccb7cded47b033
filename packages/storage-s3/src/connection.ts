import { storagePrefix, systemClock, systemRandom, type StoragePrefix } from "@holdfast/storage";
import type { Clock, HttpPort } from "@holdfast/storage/ports";
import { addressOf } from "./address.js";
import { checkBetween } from "./arguments.js";
import { BucketCheck } from "./bucket-check.js";
import { S3Client } from "./client.js";
import { CredentialSource, environmentCredentials } from "./credentials.js";
import { invalidArgument } from "./errors.js";
import type { ObjectStore } from "./object-store.js";
import type { S3BackendOptions } from "./options.js";
import { nodeHttpPort } from "./port.js";
import { Retrier } from "./retrying.js";
import { Signer } from "./signer.js";
import { Slots } from "./slots.js";

/** Everything that requests to a bucket need. */
export interface Connection {
  readonly store: ObjectStore;
  /** What stands before every key in the bucket: a prefix, or `""`. */
  readonly root: StoragePrefix;
  readonly clock: Clock;
  readonly port: HttpPort;
  /** Scheme, host and bucket. */
  readonly addressName: string;
  /** Work that nobody waits for. */
  readonly background: ReadonlySet<Promise<void>>;
  /** To be called once, at the end: the port of the process lets go of its idle connections when the last one does. */
  readonly release: () => Promise<void>;
}

/** Checks options and puts a connection together. Sends nothing. @throws STORAGE_INVALID_ARGUMENT, STORAGE_INVALID_KEY. */
export function connect(options: S3BackendOptions, operation: string): Connection {
  const failure = { operation, outcome: "not_applied" } as const;
  const { clock = systemClock, random = systemRandom } = options;
  const { maxConcurrency = 32, timeoutMs = 15_000, callTimeoutMs = 120_000, attempts = 8 } = options;
  checkBetween("maxConcurrency", maxConcurrency, 1, 1_000, failure);
  checkBetween("timeoutMs", timeoutMs, 1, 600_000, failure);
  checkBetween("callTimeoutMs", callTimeoutMs, 1, 3_600_000, failure);
  checkBetween("attempts", attempts, 1, 100, failure);
  const root = storagePrefix(options.prefix ?? "");
  if (root.length > MAX_ROOT_CHARACTERS) throw invalidArgument(`prefix must be at most ${MAX_ROOT_CHARACTERS} characters`, failure);
  const region = options.region ?? process.env["AWS_REGION"] ?? process.env["AWS_DEFAULT_REGION"] ?? "us-east-1";
  if (!/^[a-z0-9-]{1,40}$/.test(region)) throw invalidArgument("region must be of a-z 0-9 and -", failure);
  const endpoint = options.endpoint ?? `https://s3.${region}.amazonaws.com`;
  const address = addressOf({ ...options, endpoint });
  const credentials = new CredentialSource(options.credentials ?? environmentCredentials(process.env), clock);
  // Behind everything that may throw.
  const { port, release } = options.port === undefined ? sharedPort.lease() : { port: options.port, release: () => Promise.resolve() };
  const client = new S3Client({
    port,
    address,
    credentials,
    signer: new Signer(region, clock),
    slots: new Slots(maxConcurrency),
    retrier: new Retrier({ attempts, callTimeoutMs, clock, random }),
    timeoutMs,
  });
  const background = new Set<Promise<void>>();
  const store: ObjectStore = {
    client,
    bucket: new BucketCheck(client),
    random,
    objectName: (key) => `${root}${key}`,
    inBackground(work) {
      const tracked = work.finally(() => background.delete(tracked));
      background.add(tracked);
    },
  };
  return { store, root, clock, port, addressName: address.name, background, release };
}

/** Stores take names of 1,024 bytes, keys have up to 900. */
const MAX_ROOT_CHARACTERS = 100;

/** One port for the process, as connections and findings about buckets are worth sharing. Made when it is first needed. */
const sharedPort = new (class {
  #port: HttpPort | undefined;
  #users = 0;

  lease(): { readonly port: HttpPort; readonly release: () => Promise<void> } {
    const port = (this.#port ??= nodeHttpPort());
    this.#users += 1;
    return {
      port,
      release: async () => {
        this.#users -= 1;
        if (this.#users === 0) await port.close();
      },
    };
  }
})();
