import type { BlockEvent } from "../fuse-disk/recording.js";
import type { Random } from "../random.js";

/** A disk as power loss has left it at one moment. */
export interface CrashImage {
  readonly image: Buffer;
  /** When power was lost, by the machine's monotonic clock. */
  readonly atMs: number;
  /** What was lost, in words. */
  readonly lost: string;
}

/**
 * Disks that may be left after power loss: everything that was written before the last flush, and of what was written behind it nothing, all,
 * or a part that is drawn; of the last write of the part sometimes only its first sectors.
 *
 * @param before - The disk when the recording began. Changed.
 * @param count - How many moments are drawn.
 */
export function* crashImages(before: Buffer, events: readonly BlockEvent[], count: number, random: Random): Generator<CrashImage, void, undefined> {
  const moments = Array.from({ length: count }, () => random.below(events.length)).sort((a, b) => a - b);
  let applied = 0;
  for (const moment of moments) {
    const last = events[moment];
    if (last === undefined) return;
    const durable = lastFlush(events, moment);
    for (; applied < durable; applied++) apply(before, events[applied]);
    const open = events.slice(durable, moment + 1).filter((it) => it.kind === "write");
    const kept = keptOf(open, random);
    const image = Buffer.from(before);
    for (const write of kept.writes) apply(image, write);
    yield { image, atMs: last.atMs, lost: `${kept.lost} of ${open.length} unflushed writes at event ${moment}` };
  }
}

const SECTOR_BYTES = 512;

type Write = BlockEvent & { readonly kind: "write" };

/** The number of events up to and with the last flush at or before a moment. */
function lastFlush(events: readonly BlockEvent[], moment: number): number {
  for (let index = moment; index >= 0; index--) if (events[index]?.kind === "flush") return index + 1;
  return 0;
}

function keptOf(open: readonly Write[], random: Random): { readonly writes: readonly Write[]; readonly lost: string } {
  const how = random.below(5);
  if (how === 0) return { writes: [], lost: "all" };
  if (how === 1) return { writes: open, lost: "none" };
  const writes = how === 2 ? open.slice(0, random.below(open.length + 1)) : open.filter(() => random.oneIn(2));
  const last = writes.at(-1);
  const lost = `${open.length - writes.length}`;
  if (last === undefined || random.oneIn(2)) return { writes, lost };
  const sectors = random.below(last.bytes.byteLength / SECTOR_BYTES);
  return { writes: [...writes.slice(0, -1), { ...last, bytes: last.bytes.subarray(0, sectors * SECTOR_BYTES) }], lost: `${lost}, and one behind sector ${sectors},` };
}

function apply(image: Buffer, event: BlockEvent | undefined): void {
  if (event?.kind === "write") image.set(event.bytes, event.offset);
}
