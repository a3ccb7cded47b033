import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Bucket, type SimObject } from "../../src/object-store/bucket.js";
import { SortedNames } from "../../src/object-store/sorted-names.js";

/** Few names that share beginnings, so that they meet again; in the order of UTF-16 the last two would change places. */
const name = fc.array(fc.constantFrom("a", "/", "\uFF5E", "\u{10000}"), { maxLength: 3 }).map((parts) => parts.join(""));

type Step = readonly ["add" | "remove", string] | readonly ["list", prefix: string, after: string, most: number];

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant("add" as const), name) },
  { weight: 4, arbitrary: fc.tuple(fc.constant("remove" as const), name) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("list" as const), fc.oneof(fc.constant(""), name), fc.oneof(fc.constant(""), name), fc.constantFrom(0, 1, 3, 1000)) },
);

/** What is there, and nothing else: sorted and searched through for each answer. */
function naiveList(names: ReadonlySet<string>, prefix: string, after: string, most: number): readonly string[] {
  const sorted = [...names].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
  return sorted.filter((it) => it.startsWith(prefix) && Buffer.compare(Buffer.from(it), Buffer.from(after)) > 0).slice(0, most);
}

describe("sorted names", () => {
  it("list as if all of them were sorted and searched through each time, however short their pieces are", () => {
    fc.assert(
      fc.property(fc.constantFrom(2, 3, 512), fc.array(step, { maxLength: 200, size: "max" }), (maxPiece, steps) => {
        const sorted = new SortedNames(maxPiece);
        const naive = new Set<string>();
        for (const [what, one, after = "", most = 0] of [...steps, ["list", "", "", 1000] as const]) {
          if (what === "list") expect(sorted.list(one, after, most)).toEqual(naiveList(naive, one, after, most));
          else if (what === "add" && !naive.has(one) && one !== "") {
            sorted.add(one);
            naive.add(one);
          } else if (what === "remove") {
            sorted.remove(one);
            naive.delete(one);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("a bucket", () => {
  const object: SimObject = { bytes: new Uint8Array(0), etag: '""', modifiedAt: 0, contentType: "", metadata: {}, checksum: undefined };

  it("lists each name once, also one that was put twice, and none that is gone", () => {
    const bucket = new Bucket();
    for (const one of ["b", "a", "b", "c"]) bucket.put(one, object);
    bucket.remove("a");
    bucket.remove("a");
    expect(bucket.list("", "", 10)).toEqual(["b", "c"]);
  });

  // Sorting all names for each new one, or looking at all of them for each list, would not come to an end here.
  it("of 20,000 names in 2,000 directories is listed after each one that is put", () => {
    const bucket = new Bucket();
    for (let number = 0; number < 20_000; number += 1) {
      const directory = `logs/${(number * 7_919) % 2_000}/`;
      bucket.put(`${directory}${number}`, object);
      expect(bucket.list(directory, "", 1_000)).toHaveLength(1 + Math.floor(number / 2_000));
    }
  });
});
