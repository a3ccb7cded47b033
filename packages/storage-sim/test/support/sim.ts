import type { FsFile, FsOpenMode, FsPort } from "@holdfast/storage/ports";
import { expect } from "vitest";
import { Search } from "../../src/exhaust.js";
import { mildAdversary, seededAdversary, SimDisk, type SimDiskOptions } from "../../src/index.js";

/** An empty disk of the weakest kind where nothing happens by chance. */
export function newDisk(options: Partial<SimDiskOptions> = {}): SimDisk {
  return new SimDisk({ profile: "posix", adversary: mildAdversary, ...options });
}

/** Bytes that say what they are: `A` of 512 bytes is a sector of 65. */
export function bytes(letters: string, each = 512): Uint8Array {
  const result = new Uint8Array(letters.length * each);
  for (let index = 0; index < letters.length; index += 1) result.fill(letters.charCodeAt(index), index * each, (index + 1) * each);
  return result;
}

/** A durable file in the root, open. */
export async function durableFile(disk: SimDisk, path: string, content: Uint8Array, options: { readonly dsync?: boolean } = {}): Promise<FsFile> {
  const port = disk.port();
  const file = await port.open(path, { mode: "create", ...options });
  await file.write(content, 0);
  await file.sync();
  await port.syncDirectory("/");
  expect(disk.pending).toEqual([]);
  return file;
}

export async function put(port: FsPort, path: string, content: Uint8Array, mode: FsOpenMode = "create"): Promise<FsFile> {
  const file = await port.open(path, { mode });
  expect(await file.write(content, 0)).toBe(content.byteLength);
  return file;
}

/**
 * A file's content in a few letters: one for each 512 bytes, `.` for zeros, `?` for nonsense or a mixture, and its size behind
 * if it does not end with a sector; `"absent"`.
 */
export function content(disk: SimDisk, path: string): string {
  const found = disk.files().get(path);
  if (found === undefined) return "absent";
  let text = "";
  for (let at = 0; at < found.byteLength; at += 512) {
    const sector = found.subarray(at, at + 512);
    const first = sector[0] ?? 0;
    text += !sector.every((byte) => byte === first) ? "?" : first === 0 ? "." : first >= 65 && first <= 90 ? String.fromCharCode(first) : "?";
  }
  return found.byteLength % 512 === 0 ? text || "empty" : `${text}:${found.byteLength}`;
}

export function paths(disk: SimDisk): string {
  return [...disk.files().keys()].sort().join(" ") || "nothing";
}

/** Everything that a crash at this moment can leave, as `describe` says it, sorted. Of long lists of sizes a few are tried. */
export function reachable(disk: SimDisk, describe: (after: SimDisk) => string, kind: "power" | "process" = "power"): readonly string[] {
  const found = new Set<string>();
  const search = new Search(6);
  let runs = 0;
  do {
    runs += 1;
    expect(runs, "few enough crash states to see them all").toBeLessThan(50_000);
    found.add(describe(disk.crash({ kind, chance: search.begin() })));
  } while (search.advance());
  return [...found].sort();
}

/** Some of what a crash can leave, where there is too much to see it all. */
export function drawn(disk: SimDisk, describe: (after: SimDisk) => string, samples = 5000): readonly string[] {
  const found = new Set<string>();
  for (let seed = 0; seed < samples; seed += 1) found.add(describe(disk.crash({ kind: "power", chance: seededAdversary(seed) })));
  return [...found].sort();
}

/** Makes a call and, when it has begun and is not answered, looks at the disk. */
export async function during<T>(disk: SimDisk, call: () => Promise<unknown>, look: () => T): Promise<T> {
  const looked: T[] = [];
  const end = disk.observe(({ phase }) => {
    if (phase === "begun" && looked.length === 0) looked.push(look());
  });
  await call();
  end();
  const [result] = looked;
  if (result === undefined) throw new Error("the call did not begin");
  return result;
}
