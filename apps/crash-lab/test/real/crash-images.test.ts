import { describe, expect, it } from "vitest";

import { crashImages } from "../../src/real/block-writes/crash-images.js";
import { formatEvent, parseEvents, type BlockEvent } from "../../src/real/fuse-disk/recording.js";
import { seededRandom } from "../../src/real/random.js";

function write(atMs: number, block: number): BlockEvent {
  return { kind: "write", atMs, offset: block * 1024, bytes: Buffer.alloc(1024, block + 1) };
}

const EVENTS: readonly BlockEvent[] = [write(1, 0), write(2, 1), { kind: "flush", atMs: 3 }, write(4, 2), write(5, 3), { kind: "flush", atMs: 6 }, write(7, 4)];

describe("disks as power loss leaves them", () => {
  it("have everything before the last flush, nothing of later, and any part of what lies between", () => {
    const seen = new Set<string>();
    for (const { image, atMs } of crashImages(Buffer.alloc(5 * 1024), EVENTS, 400, seededRandom(1))) {
      const flushed = EVENTS.filter((it, index) => it.kind === "write" && EVENTS.some((flush, at) => flush.kind === "flush" && at > index && flush.atMs <= atMs));
      for (const [block, event] of [0, 1, 3, 4, 6].map((index) => EVENTS[index]).entries()) {
        if (event === undefined) continue;
        if (flushed.includes(event)) expect(image[block * 1024 + 1023], `block ${block} at ${atMs}`).toBe(block + 1);
        if (event.atMs > atMs) expect(image[block * 1024], `block ${block} at ${atMs}`).toBe(0);
      }
      seen.add(`${atMs}: ${[0, 1, 2, 3, 4].map((block) => `${image[block * 1024]}/${image[block * 1024 + 1023]}`).join(" ")}`);
    }
    // At the second write: nothing, the first, the second, both, and each of the last ones torn.
    expect([...seen].filter((it) => it.startsWith("2: ")).length).toBeGreaterThanOrEqual(5);
  });

  it("are recorded and read again as they were", () => {
    expect(parseEvents(Buffer.concat(EVENTS.map(formatEvent)))).toEqual(EVENTS);
  });
});
