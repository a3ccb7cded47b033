import { expect, it } from "vitest";
import { ByteSource } from "../src/byte-source.js";
import { oneAhead } from "../src/read-ahead.js";
import { pieces } from "./support/pieces.js";

/** Numbers from 1 to `count`, then an error if one is given; tells what happens to it. */
async function* numbers(count: number, events: string[], error?: Error): AsyncGenerator<number, void, undefined> {
  try {
    for (let n = 1; n <= count; n++) {
      events.push(`asked ${n}`);
      yield n;
    }
    if (error !== undefined) throw error;
  } finally {
    events.push("closed");
  }
}

it("asks for the next item while the one before is used, and for no other", async () => {
  const events: string[] = [];
  for await (const n of oneAhead(numbers(3, events))) events.push(`used ${n}`);
  expect(events).toEqual(["asked 1", "asked 2", "used 1", "asked 3", "used 2", "closed", "used 3"]);
});

it("gives all items before an error", async () => {
  const events: string[] = [];
  const error = new Error("broken");
  const used = async (): Promise<void> => {
    for await (const n of oneAhead(numbers(2, events, error))) events.push(`used ${n}`);
  };
  await expect(used()).rejects.toBe(error);
  expect(events.at(-1)).toBe("used 2");
});

it("closes what it reads when it is left, also where the next item fails", async () => {
  for (const error of [undefined, new Error("nobody asked for it")]) {
    const events: string[] = [];
    for await (const n of oneAhead(numbers(error === undefined ? 9 : 1, events, error))) if (n === 1) break;
    expect(events.at(-1)).toBe("closed");
  }
});

it("takes bytes as they lie in a piece, or joined, and no more than there are", async () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, at) => at);
  const seen: number[] = [];
  const source = new ByteSource(pieces(bytes, 40), (part) => seen.push(...part));
  const [inside, across, rest] = [await source.take(30), await source.take(50), await source.take(50)];
  expect([inside, across, rest].map((part) => [part[0], part.length])).toEqual([[0, 30], [30, 50], [80, 20]]);
  expect(across).toEqual(bytes.slice(30, 80));
  expect(seen).toEqual([...bytes]);
  expect([source.offset, await source.isAtEnd(), (await source.take(1)).length]).toEqual([100, true, 0]);
});
