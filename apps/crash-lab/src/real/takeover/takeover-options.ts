import type { StorageBackend } from "@holdfast/storage";
import { s3Backend } from "@holdfast/storage-s3";

/** Where the log of a takeover is. */
export interface TakeoverPlace {
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  /** The log's directory in the bucket. */
  readonly prefix: string;
}

/** How a writer that is taken over works. Passed as one argument, in JSON. The keys of the store come by the environment. */
export interface TakeoverOptions extends TakeoverPlace {
  readonly seed: string;
  readonly firstToken: number;
  /** Appends at a time. */
  readonly inFlight: number;
}

/** What a writer says that it failed to do when others wrote faster than it could claim the log. It tries again. */
export const OPENING = "open";

/** Names of the variables with the keys of the store. */
export const KEY_VARIABLES = { id: "HOLDFAST_S3_ACCESS_KEY_ID", secret: "HOLDFAST_S3_SECRET_ACCESS_KEY" } as const;

/**
 * The store by the keys of the environment. That it decides who creates an object was tried out by whoever starts the writers.
 *
 * @param conditionalWrites - Whether that is to be tried out now.
 */
export function openStore({ endpoint, bucket, region }: TakeoverPlace, conditionalWrites: "probe" | "trusted"): StorageBackend {
  const accessKeyId = process.env[KEY_VARIABLES.id] ?? "";
  const secretAccessKey = process.env[KEY_VARIABLES.secret] ?? "";
  return s3Backend({ endpoint, bucket, region, credentials: { accessKeyId, secretAccessKey }, conditionalWrites });
}

/** The options that this process was started with. */
export function ownTakeoverOptions(): TakeoverOptions {
  const options: unknown = JSON.parse(process.argv[2] ?? "{}");
  if (!isOptions(options)) throw new TypeError(`These are no options of a writer: ${JSON.stringify(options)}`);
  return options;
}

function isOptions(value: unknown): value is TakeoverOptions {
  if (typeof value !== "object" || value === null) return false;
  const known = new Map<string, unknown>(Object.entries(value));
  const areTexts = ["endpoint", "bucket", "region", "prefix", "seed"].every((name) => typeof known.get(name) === "string");
  return areTexts && ["firstToken", "inFlight"].every((name) => Number.isSafeInteger(known.get(name)));
}
