import type { FsFile, FsPort } from "@holdfast/storage/ports";

import { seededRandom, type Random } from "../random.js";
import { recordBytes } from "../work/record-bytes.js";

/** One thing that is done to a file system. Paths begin with `/`; no name is given to two files, so that each tells what it is. */
export type PortStep =
  | { readonly does: "create" | "sync" | "datasync" | "unlink" | "mkdir" | "syncDirectory"; readonly path: string }
  | ({ readonly does: "write"; readonly path: string; readonly token: number } & WriteStep)
  | { readonly does: "truncate"; readonly path: string; readonly size: number }
  | { readonly does: "link" | "rename"; readonly path: string; readonly to: string };

/** What is written where, and how. */
interface WriteStep {
  readonly at: number;
  readonly length: number;
  readonly dsync: boolean;
  /** Past the cache: whole blocks. */
  readonly direct: boolean;
}

/** Steps drawn by a seed: files that grow, are overwritten, cut, renamed over each other and removed, with a sync now and then. */
export function drawSteps(seed: string, count: number): readonly PortStep[] {
  const random = seededRandom(seed);
  const drawn = new Drawn();
  return Array.from({ length: count }, (_, token) => drawn.next(random, token));
}

/**
 * Does a step.
 *
 * @param root - Stands in front of every path; `""` on a simulated disk.
 * @param isAnswered - Without: as a step that nobody was answered has left it. What it was to make durable is not.
 */
export async function doStep(port: FsPort, root: string, step: PortStep, isAnswered = true): Promise<void> {
  const path = `${root}${step.path}`;
  switch (step.does) {
    case "create":
      await withFile(port.open(path, { mode: "create" }), () => Promise.resolve());
      break;
    case "write":
      await withFile(port.open(path, { mode: "write", dsync: step.dsync && isAnswered, direct: step.direct }), async (file) => {
        const count = await file.write(atPage(recordBytes(step.token, 0, step.length)), step.at);
        if (count !== step.length) throw new Error(`A write of ${step.length} bytes has written ${count}.`);
      });
      break;
    case "truncate":
      await withFile(port.open(path, { mode: "write" }), (file) => file.truncate(step.size));
      break;
    case "sync":
      if (isAnswered) await withFile(port.open(path, { mode: "write" }), (file) => file.sync());
      break;
    case "datasync":
      if (isAnswered) await withFile(port.open(path, { mode: "write" }), (file) => file.datasync());
      break;
    case "syncDirectory":
      if (isAnswered) await port.syncDirectory(path);
      break;
    case "mkdir":
      await port.mkdir(path, 0o700);
      break;
    case "unlink":
      await port.unlink(path);
      break;
    case "link":
      await port.link(path, `${root}${step.to}`);
      break;
    case "rename":
      await port.rename(path, `${root}${step.to}`);
      break;
  }
}

/** The bytes, in memory that begins with a page: what is written past the cache has to. */
function atPage(bytes: Uint8Array): Uint8Array {
  const memory = new Uint8Array(new ArrayBuffer(bytes.byteLength, { maxByteLength: bytes.byteLength }));
  memory.set(bytes);
  return memory;
}

const BLOCK_BYTES = 4096;
const MAX_FILES = 10;
const MAX_FILE_BYTES = 24_000;
/** How often what is drawn, out of 100. */
const WEIGHTS: readonly (readonly [does: PortStep["does"], weight: number])[] = [
  ["write", 46],
  ["create", 12],
  ["sync", 7],
  ["datasync", 6],
  ["syncDirectory", 9],
  ["truncate", 5],
  ["rename", 7],
  ["unlink", 4],
  ["link", 2],
  ["mkdir", 2],
];

/** What there is so far. */
class Drawn {
  readonly #directories: string[] = ["/"];
  readonly #sizes = new Map<string, number>();
  #names = 0;

  next(random: Random, token: number): PortStep {
    const files = [...this.#sizes.keys()];
    const does = files.length < 2 ? "create" : weighted(random);
    const path = files.length === 0 ? "/" : random.pick(files);
    const size = this.#sizes.get(path) ?? 0;
    switch (does) {
      case "create":
        if (files.length >= MAX_FILES) return this.#remove(path);
        return this.#create(random, "create");
      case "mkdir":
        return this.#create(random, "mkdir");
      case "write":
        return this.#write(random, token, path, size);
      case "truncate":
        return this.#truncate(path, random.oneIn(4) ? size + random.below(3000) : random.below(size + 1));
      case "syncDirectory":
        return { does, path: random.pick(this.#directories) };
      case "unlink":
        return this.#remove(path);
      case "link":
      case "rename":
        return this.#rename(random, does, path, files);
      case "sync":
      case "datasync":
        return { does, path };
    }
  }

  #create(random: Random, does: "create" | "mkdir"): PortStep {
    const path = this.#newPath(random, does === "mkdir" ? "d" : "f");
    if (does === "mkdir") this.#directories.push(path);
    else this.#sizes.set(path, 0);
    return { does, path };
  }

  #write(random: Random, token: number, path: string, size: number): PortStep {
    const isAppend = size === 0 || (size < MAX_FILE_BYTES && !random.oneIn(3));
    const place = isAppend ? size : random.below(size);
    const bytes = 1 + random.below(random.oneIn(4) ? 6000 : 700);
    const dsync = random.oneIn(4);
    const direct = random.oneIn(4);
    // Past the cache: the block in which it begins is written again, up to the end of the one in which it ends.
    const at = direct ? place - (place % BLOCK_BYTES) : place;
    const length = direct ? Math.ceil((place + bytes) / BLOCK_BYTES) * BLOCK_BYTES - at : bytes;
    this.#sizes.set(path, Math.max(size, at + length));
    return { does: "write", path, at, length, token, dsync, direct };
  }

  #truncate(path: string, size: number): PortStep {
    this.#sizes.set(path, size);
    return { does: "truncate", path, size };
  }

  #remove(path: string): PortStep {
    this.#sizes.delete(path);
    return { does: "unlink", path };
  }

  #rename(random: Random, does: "link" | "rename", path: string, files: readonly string[]): PortStep {
    const other = random.pick(files);
    const to = does === "rename" && random.oneIn(2) && other !== path ? other : this.#newPath(random, "f");
    this.#sizes.set(to, this.#sizes.get(path) ?? 0);
    this.#sizes.delete(path); // of a link too: a file with two names would have two sizes here
    return { does, path, to };
  }

  #newPath(random: Random, kind: string): string {
    const directory = random.pick(this.#directories);
    return `${directory === "/" ? "" : directory}/${kind}${this.#names++}`;
  }
}

function weighted(random: Random): PortStep["does"] {
  let left = random.below(100);
  for (const [does, weight] of WEIGHTS) {
    if (left < weight) return does;
    left -= weight;
  }
  return "write";
}

async function withFile(opening: Promise<FsFile>, use: (file: FsFile) => Promise<void>): Promise<void> {
  const file = await opening;
  try {
    await use(file);
  } finally {
    await file.close();
  }
}
