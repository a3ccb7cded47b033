/** How a working child works. Passed as one argument, in JSON. */
export interface WorkOptions {
  /** Directory of the backend. */
  readonly root: string;
  readonly seed: string;
  readonly firstToken: number;
  /** Writers at a time. */
  readonly inFlight: number;
  /** Of a record or object. */
  readonly maxBytes: number;
  /** The log's durability: `undefined` is synced. */
  readonly syncEveryMs?: number;
  /** Of a script: only its beginning, and then the process ends without closing anything. */
  readonly unfinished?: boolean;
}

/** The prefix of the log, below the root. */
export const LOG_PREFIX = "log";
/** The prefix of the objects, below the root. */
export const OBJECTS_PREFIX = "objects";
/** Where a child's tokens begin: its number times this. */
export const TOKENS_PER_CHILD = 10_000_000;

/** The options that this process was started with. */
export function ownOptions(): WorkOptions {
  const options: unknown = JSON.parse(process.argv[2] ?? "{}");
  if (!isWorkOptions(options)) throw new TypeError(`These are no options of a child: ${JSON.stringify(options)}`);
  return options;
}

function isWorkOptions(value: unknown): value is WorkOptions {
  if (typeof value !== "object" || value === null || !("root" in value) || !("seed" in value)) return false;
  const { root, seed, ...rest } = value;
  const isWhole = ["firstToken", "inFlight", "maxBytes"].every((name) => name in rest);
  const areKnown = Object.values(rest).every((it) => typeof it === "boolean" || Number.isSafeInteger(it));
  return typeof root === "string" && typeof seed === "string" && isWhole && areKnown;
}
