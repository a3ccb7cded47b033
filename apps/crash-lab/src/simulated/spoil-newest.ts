import type { SimDisk } from "@holdfast/storage-sim";

/**
 * Harms a bit of the newest file whose path ends so, as many bytes before its end. The newest is the last one by its name.
 *
 * @returns Its path; `undefined` if there is none.
 */
export function spoilNewest(disk: SimDisk, ending: string, fromEnd: number): string | undefined {
  const newest = [...disk.files()].filter(([path]) => path.endsWith(ending)).sort(([one], [other]) => (one < other ? 1 : -1))[0];
  if (newest === undefined) return undefined;
  const [path, bytes] = newest;
  const at = bytes.length - 1 - (fromEnd % bytes.length);
  disk.poke(path, at, Uint8Array.of((bytes[at] ?? 0) ^ 1));
  return path;
}
