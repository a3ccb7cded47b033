import { readFileSync } from "node:fs";

const root = new URL("../vectors/litestream/", import.meta.url);

/** What was recorded of litestream's own code, by the name of the case. */
export function vectors(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`${name}/expected.json`, root), "utf8"));
}

/** A recorded file. */
export function vectorFile(path: string): Uint8Array {
  return readFileSync(new URL(path, root));
}

/** Where the recorded files of a case are. */
export function vectorUrl(path: string): URL {
  return new URL(`${path}/`, root);
}
