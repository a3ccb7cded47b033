import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";

/** What expected.json of a case says about its wal.log. */
export interface Framing {
  readonly complete_frames: readonly { readonly frame_offset: number; readonly payload_len: number; readonly payload_sha256: string }[];
  readonly complete_frame_count: number;
  readonly valid_bytes: number;
  readonly tail_bytes: number;
}

/** A directory that the original implementation wrote or was given, and what it made of it. See the README beside the cases. */
export interface Vector {
  readonly name: string;
  /** Empty where there is none: that is how an absent log is read. */
  readonly wal: Uint8Array;
  readonly framing: Framing | undefined;
  readonly byOriginal: boolean;
}

/** Every case with a wal.log. The sha256 of each is compared before it is used. */
export const vectors: readonly Vector[] = readdirSync(new URL("../vectors/ferrokinesis/", import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => load(name));

export function vector(name: string): Vector {
  const found = vectors.find((it) => it.name === name);
  if (found === undefined) throw new Error(`no case ${name}`);
  return found;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

interface Expected {
  readonly bytes_made_by: string;
  readonly files?: Readonly<Record<string, { readonly size: number; readonly sha256: string }>>;
  readonly wal_framing?: Framing | null;
}

function load(name: string): Vector {
  const directory = new URL(`../vectors/ferrokinesis/${name}/`, import.meta.url);
  // Integers over 2^53 stand in values only, which are not looked at here.
  const expected = JSON.parse(readFileSync(new URL("expected.json", directory), "utf8")) as Expected;
  const file = new URL("state/wal.log", directory);
  const wal = existsSync(file) ? readFileSync(file) : new Uint8Array();
  const stated = expected.files?.["wal.log"];
  if (stated !== undefined && (stated.size !== wal.length || stated.sha256 !== sha256(wal))) throw new Error(`${name}: wal.log is not what was recorded`);
  return { name, wal, framing: expected.wal_framing ?? undefined, byOriginal: expected.bytes_made_by === "original code" };
}
