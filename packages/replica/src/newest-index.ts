import type { CallOptions } from "@holdfast/storage";
import type { WalSource } from "./wal-downloader.js";

/**
 * The highest index of a generation that has WAL, not below one. Found without listing all there is: the first page, then by doubling and
 * halving, a list each.
 *
 * @returns `undefined`: there is no WAL of that index or a higher one.
 */
export async function findNewestIndex(client: WalSource, generation: string, fromIndex: bigint, options: CallOptions = {}): Promise<bigint | undefined> {
  const page = await lastOfPage(client, generation, fromIndex, options);
  if (page === undefined || page.isAll) return page?.index;
  let newest = page.index;
  let behind: bigint | undefined;
  for (let step = 1n; behind === undefined || behind - newest > 1n; step *= 2n) {
    const probe: bigint = behind === undefined ? newest + step : (newest + behind) / 2n;
    const found = await firstFrom(client, generation, probe, options);
    if (found === undefined) behind = probe;
    else newest = found;
  }
  return newest;
}

async function lastOfPage(
  client: WalSource,
  generation: string,
  fromIndex: bigint,
  { signal }: CallOptions,
): Promise<{ readonly index: bigint; readonly isAll: boolean } | undefined> {
  let last: bigint | undefined;
  let left = LISTED_AT_ONCE;
  for await (const { index } of client.walSegments(generation, { fromIndex, signal })) {
    last = index;
    left -= 1;
    if (left === 0) return { index, isAll: false };
  }
  return last === undefined ? undefined : { index: last, isAll: true };
}

async function firstFrom(client: WalSource, generation: string, fromIndex: bigint, { signal }: CallOptions): Promise<bigint | undefined> {
  for await (const { index } of client.walSegments(generation, { fromIndex, signal })) return index;
  return undefined;
}

/** As many as one request lists. */
const LISTED_AT_ONCE = 1000;
