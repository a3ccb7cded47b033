import { createRequire, isBuiltin } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { BytesError, useCrc32c, type Crc32c } from "@holdfast/bytes";

import { preloadInChildren } from "./child.js";
import { RefusedError } from "../../../scripts/command-line.js";

/** What the setting is called in the report. */
export const CRC32C = "crc32c";

/** What the report says of a module that was handed in. */
export function crc32cSetting(module: string): string {
  return `by ${module} from 208 bytes on, in the main thread and in child processes`;
}

/**
 * Computes checksums by another module from now on, in this thread and in the children that are started.
 *
 * @param module - A path, or the name of a package or of a file in one, as `require` finds it from the current directory. The module
 * exports `crc32c` or `checksums.crc32c`.
 * @throws {@link RefusedError} if it is not there, cannot be loaded, has no such function, or one that computes something else.
 */
export async function useCrc32cOf(module: string): Promise<void> {
  const url = locate(module);
  await useCrc32cAt(url);
  const inChild = new URL("./crc32c-in-child.js", import.meta.url);
  inChild.search = encodeURIComponent(url);
  preloadInChildren(inChild);
}

/**
 * As {@link useCrc32cOf}, in this thread alone.
 *
 * @param url - Of a file; or the name of a module of Node.
 */
export async function useCrc32cAt(url: string): Promise<void> {
  const implementation = crc32cOf(await load(url));
  if (implementation === undefined) throw new RefusedError(`--crc32c: ${url} has no function crc32c or checksums.crc32c.`);
  try {
    useCrc32c(implementation);
  } catch (error) {
    if (!(error instanceof BytesError)) throw error;
    throw new RefusedError(`--crc32c: ${url} does not compute CRC-32C: ${error.message}${error.cause === undefined ? "" : ` (${firstLine(error.cause)})`}.`);
  }
}

function locate(module: string): string {
  try {
    const found = createRequire(join(process.cwd(), "here.js")).resolve(module);
    return isBuiltin(found) ? found : pathToFileURL(found).href;
  } catch (error) {
    throw new RefusedError(`--crc32c: ${module} is not installed here and is no path of a module: ${firstLine(error)}.`);
  }
}

async function load(url: string): Promise<unknown> {
  try {
    return await import(url);
  } catch (error) {
    throw new RefusedError(`--crc32c: ${url} cannot be loaded: ${firstLine(error)}.`);
  }
}

/** CommonJS modules are the default export of what an import answers; not all of their names are seen beside it. */
function crc32cOf(module: unknown): Crc32c | undefined {
  const whole = [module, property(module, "default")];
  const parts = whole.map((value) => property(value, "checksums"));
  return [...whole, ...parts].map((value) => property(value, "crc32c")).find(isFunction);
}

function property(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Reflect.get(value, name);
}

/** Whether it is a CRC-32C is for `useCrc32c` to find out. */
function isFunction(value: unknown): value is Crc32c {
  return typeof value === "function";
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1).join("");
}
