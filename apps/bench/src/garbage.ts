import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Collects garbage, so that nobody's run pays for what the run before left behind. V8 hands out its `gc` to a context that is made after
 * `--expose-gc` was set; so this program needs no flag on its command line.
 */
export function collectGarbage(): void {
  gc();
}

const gc: () => void = exposedGc();

function exposedGc(): () => void {
  setFlagsFromString("--expose-gc");
  const found: unknown = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  if (!isCallable(found)) throw new Error("V8 does not hand out its gc.");
  return found;
}

function isCallable(value: unknown): value is () => void {
  return typeof value === "function";
}
