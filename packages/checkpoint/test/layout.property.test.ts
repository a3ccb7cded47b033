import { MAX_U64 } from "@holdfast/bytes";
import { storageKey, storagePrefix } from "@holdfast/storage";
import fc from "fast-check";
import { expect, it } from "vitest";
import { checkpointKey, entryKey, parseCheckpointKey, parseEntryKey, streamOfCheckpoint, streamPlace } from "../src/layout.js";

const prefix = storagePrefix("a/b");
const place = streamPlace(prefix, "x");
const position = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const names = fc.record({ sequence: fc.bigInt({ min: 0n, max: MAX_U64 }), position });
/** Ids that have a place: at most 200 characters when encoded, which are up to three for each byte. What is longer is refused, see below. */
const ids = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }).filter((id) => Buffer.byteLength(id) <= 66);

it("a name says what it was made of, and whose it is", () => {
  fc.assert(
    fc.property(names, ids, (name, streamId) => {
      const its = streamPlace(prefix, streamId);
      expect(parseCheckpointKey(its, checkpointKey(its, name))).toEqual(name);
      expect(parseEntryKey(its, entryKey(its, name.position))).toBe(name.position);
      expect(streamOfCheckpoint(prefix, checkpointKey(its, name))).toBe(streamId);
      expect([entryKey(its, name.position), its.hint].map((key) => streamOfCheckpoint(prefix, key))).toEqual([undefined, undefined]);
    }),
  );
});

it("an id that is too long when encoded has no place", () => {
  // As seed -1938541209 of the property above found: twelve characters for a reader, and 67 bytes or more.
  const twelve = "\u{1d15f}".repeat(12).normalize("NFD");
  expect(Array.from(twelve)).toHaveLength(24);
  expect(() => streamPlace(prefix, twelve)).toThrow(expect.objectContaining({ code: "STORAGE_INVALID_KEY" }));
  expect(() => streamPlace(prefix, "\u00e9".repeat(33))).not.toThrow();
  expect(() => streamPlace(prefix, "\u00e9".repeat(34))).toThrow(expect.objectContaining({ code: "STORAGE_INVALID_KEY" }));
});

it("names sort by sequence, then by position", () => {
  fc.assert(
    fc.property(names, names, (one, other) => {
      const isLess = one.sequence < other.sequence || (one.sequence === other.sequence && one.position < other.position);
      expect(checkpointKey(place, one) < checkpointKey(place, other)).toBe(isLess);
    }),
  );
});

it("no other name is that of a checkpoint or an entry", () => {
  const [zero, one, large] = ["0".repeat(20), "0".repeat(19) + "1", "9".repeat(20)];
  for (const leaf of [`${one}.ckpt`, `${one}-${zero}.ckpt`, `${large}-${one}.ckpt`, `${one}-${one}.ckpt.tmp`, `x${one}-${one}.ckpt`, `sub/${one}-${one}.ckpt`]) {
    expect({ leaf, name: parseCheckpointKey(place, storageKey(`a/b/x/state/${leaf}`)) }).toEqual({ leaf, name: undefined });
  }
  for (const leaf of [`${zero}.entry`, `${large}.entry`, `${one}.entry.tmp`, `1.entry`]) expect(parseEntryKey(place, storageKey(`a/b/x/entry/${leaf}`))).toBeUndefined();
  expect(parseCheckpointKey(place, storageKey(`a/c/x/state/${one}-${one}.ckpt`))).toBeUndefined();
  expect(streamOfCheckpoint(prefix, storageKey(`a/b/_zz/state/${one}-${one}.ckpt`))).toBeUndefined();
});
