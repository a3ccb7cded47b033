import type { FsFile } from "@holdfast/storage/ports";
import { describe, expect, test } from "vitest";
import { mildAdversary, SimDisk, type Fault, type SimDiskOptions } from "../../src/index.js";
import { bytes, content, durableFile, reachable } from "./sim.js";

/**
 * What something may leave when the power is lost, all of it, side by side in the three profiles. A file is shown as one letter
 * for 512 bytes, `.` for zeros, `?` for nonsense, `~` for a size between, `0` if it is empty, `-` if it is not there. Where a
 * profile has no list, it is that of the one before.
 */
export interface Row {
  readonly fault: string;
  readonly options?: Partial<SimDiskOptions>;
  readonly faults?: readonly Fault[];
  /** Answers what a power cut can leave. */
  readonly run: (disk: SimDisk) => Promise<readonly string[]>;
  readonly posix: string;
  readonly ordered?: string;
  readonly kill?: string;
}

/** Tests each row in each profile. */
export function inEachProfile(rows: readonly Row[]): void {
  describe.each(rows)("$fault", ({ options, faults = [], run, posix, ordered = posix, kill = ordered }) => {
    test.each(Object.entries({ posix, ordered, kill }))("%s", async (profile, expected) => {
      const disk = new SimDisk({ adversary: mildAdversary, ...options, profile: profile as SimDisk["profile"], faults });
      expect((await run(disk)).join(" ")).toBe(expected);
    });
  });
}

export const shows = (paths: readonly string[] = ["/a"]) => (disk: SimDisk): string =>
  paths.map((path) => content(disk, path).replace("absent", "-").replace("empty", "0").replace(/.:\d+$/, "~")).join("|");

/** What is left when the power is lost now. */
export function left(disk: SimDisk, shown?: readonly string[]): readonly string[] {
  return reachable(disk, shows(shown));
}

/** What is left when the power is lost after that. */
export async function after(disk: SimDisk, done: Promise<unknown>, shown?: readonly string[]): Promise<readonly string[]> {
  await done;
  return left(disk, shown);
}

/** `/a`, durable, and then written at its start. */
export async function overwritten(disk: SimDisk, old: string, fresh: string): Promise<FsFile> {
  const file = await durableFile(disk, "/a", bytes(old));
  await file.write(bytes(fresh), 0);
  return file;
}

export const both: readonly string[] = ["/a", "/b"];
