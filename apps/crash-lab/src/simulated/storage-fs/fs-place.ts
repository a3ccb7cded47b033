/** The backend's directory on the disk. With the option `nested` its parent has to be made too. */
export function rootOf(options: ReadonlySet<string>): string {
  return options.has("nested") ? "/srv/data" : "/data";
}

/** Of whole objects. Names that are each other's beginnings, neighbours in the order of bytes, and directories below directories. */
export const OBJECT_KEYS: readonly [string, ...string[]] = ["a.x", "a/b.x", "a/b/c.x", "a-b.x", "a0.x", "deep/er/est.x"];

/** A file that grows in place. */
export interface GrowingFile {
  readonly key: string;
  readonly sync: "each" | "manual";
  readonly reserveBytes: number;
}

/** The growing files of a script. */
export const FILES: readonly [GrowingFile, ...GrowingFile[]] = [
  { key: "a/grows.y", sync: "each", reserveBytes: 0 },
  { key: "grow/ahead.y", sync: "each", reserveBytes: 1024 * 1024 },
  { key: "grow/later.y", sync: "manual", reserveBytes: 0 },
];

/** What is locked. */
export const LOCKED = "grow";
