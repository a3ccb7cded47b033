import fc from "fast-check";
import { expect, it } from "vitest";
import { SortedMap } from "../../src/native/sorted-map.js";

const key = fc.oneof(fc.constantFrom("", "a", "b", "ab", "\uff5e", "\u{1f600}"), fc.nat({ max: 1500 }).map((it) => String(it).padStart(5, "0")));
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant("with" as const), key, run: fc.nat({ max: 400 }) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("without" as const), key, run: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("withoutBelow" as const), key, run: fc.constant(0) }) },
);

const order = ([a]: readonly [string, number], [b]: readonly [string, number]): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

it("is a map in the order of bytes, and none that was before it changes", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.array(key, { maxLength: 5 }), (steps, looked) => {
      let map = new SortedMap<number>();
      const plain = new Map<string, number>();
      const before: (readonly [SortedMap<number>, readonly (readonly [string, number])[]])[] = [];
      let value = 0;
      for (const { op, key: at, run } of steps) {
        before.push([map, [...plain].sort(order)]);
        if (op === "with") {
          // Runs of keys in order, so that pages fill and split.
          for (let next = 0; next <= run; next++) {
            const name = next === 0 ? at : `${at}${String(next).padStart(3, "0")}`;
            map = map.with(name, (value += 1));
            plain.set(name, value);
          }
        } else if (op === "without") {
          map = map.without(at);
          plain.delete(at);
        } else {
          map = map.withoutBelow(at);
          for (const name of [...plain.keys()]) if (Buffer.compare(Buffer.from(name), Buffer.from(at)) < 0) plain.delete(name);
        }
      }
      before.push([map, [...plain].sort(order)]);
      for (const [each, entries] of before) {
        expect([...each]).toEqual(entries);
        expect(each.size).toBe(entries.length);
      }
      for (const name of looked) {
        expect(map.get(name)).toBe(plain.get(name));
        expect([...map.entries(name)]).toEqual([...plain].sort(order).filter(([it]) => Buffer.compare(Buffer.from(it), Buffer.from(name)) >= 0));
      }
    }),
    { numRuns: 60 },
  );
});

it("fills its pages when keys come in order, and a change leaves all but one of them as they are", () => {
  let map = new SortedMap<string>();
  for (let number = 0; number < 10_000; number++) map = map.with(String(number).padStart(6, "0"), "");
  expect(map.size).toBe(10_000);
  expect([...map].map(([it]) => it)).toEqual(Array.from({ length: 10_000 }, (_, number) => String(number).padStart(6, "0")));
  expect(map.without("nowhere")).toBe(map);
});
