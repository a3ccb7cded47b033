import fc from "fast-check";
import { expect, it } from "vitest";
import { openFkwal2Log, readFkwal2Log, scanFkwal2 } from "../../src/fkwal2/index.js";
import { walkFkwal2, type Walked } from "../../src/fkwal2/walk.js";
import { memoryPlace } from "../support/backends.js";
import { appending, entry, file, frame, number, WAL } from "./support.js";

/** Files of entries, rubbish, lengths that lie, and what looks like an entry, with wrong bytes in them. */
const piece = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.nat({ max: 999 }), fc.nat({ max: 60 })).map(([n, padding]) => frame(n, padding)) },
  { weight: 2, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 20 }) },
  fc.nat({ max: 40 }).map((length) => new Uint8Array(length)),
  fc.constantFrom(file(), file().subarray(0, 5), Buffer.from('{"Snapshot":1}'), Buffer.from('\u0010\0\0\0\0\0\0\0{"Snapshot":1}')),
);
const wrongBytes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 });
const anyFile = fc.tuple(fc.boolean(), fc.array(piece, { maxLength: 6 }), wrongBytes, fc.nat()).map(([withHeader, pieces, wrong, cut]) => {
  const bytes = withHeader ? file(...pieces) : Buffer.concat(pieces);
  for (const [at, value] of wrong) if (bytes.length > 0) bytes[at % bytes.length] = value;
  return cut % 3 === 0 ? bytes.subarray(0, cut % (bytes.length + 1)) : bytes;
});

it("whatever pieces a file is read in, it is judged as in memory, and no byte behind its end is asked for", () => {
  fc.assert(
    fc.property(anyFile, fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 5 }), (bytes, more) => {
      const frames: unknown[] = [];
      const salvaged: unknown[] = [];
      const walk = walkFkwal2({
        fileBytes: bytes.length,
        decode: number,
        maxEntryBytes: Infinity,
        visit: ({ offset, value }, isSalvaged) => (isSalvaged ? salvaged : frames).push({ offset, value }),
      });
      let asked = 0;
      let found: Walked | undefined;
      for (let step = walk.next(); found === undefined; ) {
        if (step.done === true) {
          found = step.value;
          continue;
        }
        const { offset, atLeast, atMost } = step.value;
        expect(atLeast).toBeGreaterThan(0);
        expect(atMost).toBeGreaterThanOrEqual(atLeast);
        expect(offset + atMost).toBeLessThanOrEqual(bytes.length);
        const length = Math.min(atMost, atLeast + (more[asked % more.length] ?? 0));
        asked += 1;
        step = walk.next(bytes.subarray(offset, offset + length));
      }
      const whole = scanFkwal2(bytes, number);
      expect({ frames, salvaged, validBytes: found.validBytes, tail: found.tail }).toEqual({
        frames: whole.frames.map(({ offset, value }) => ({ offset, value })),
        salvaged: whole.salvaged.map(({ offset, value }) => ({ offset, value })),
        validBytes: whole.validBytes,
        tail: whole.tail,
      });
      expect([found.frames, found.salvaged]).toEqual([frames.length, salvaged.length]);
      expect(asked).toBeLessThanOrEqual(4 * bytes.length + 4);
    }),
    { numRuns: 400 },
  );
});

it("whatever a file is, it is continued behind its whole entries, or refused and left as it is; and begins anew when it may", async () => {
  await fc.assert(
    fc.asyncProperty(anyFile, fc.array(fc.nat({ max: 999 }), { minLength: 1, maxLength: 3 }), async (bytes, appended) => {
      const place = memoryPlace();
      await place.put("wal.log", bytes);
      const storage = await appending(place);
      const options = { storage, key: WAL, decode: number };
      const { frames, validBytes, tail } = scanFkwal2(bytes, number);
      const strict = await openFkwal2Log(options).catch((error: unknown) => error);
      expect((await place.files()).get("wal.log")).toEqual(new Uint8Array(bytes));
      const refused = strict instanceof Error;
      expect(refused).toBe(tail.kind === "damaged" || tail.kind === "foreign");
      if (refused) expect(strict).toMatchObject({ key: "wal.log", frame: frames.length, offset: validBytes });
      const log = refused ? await openFkwal2Log({ ...options, mode: "lenient" }) : (strict as Awaited<ReturnType<typeof openFkwal2Log>>);
      const [first = 0, ...others] = appended;
      if (refused) {
        await expect(log.append(entry(first))).rejects.toMatchObject({ outcome: "not_applied" });
        await log.restart(entry(first));
      } else {
        await log.append(entry(first));
      }
      for (const n of others) await log.append(entry(n));
      await log.close();
      const values: number[] = [];
      const found = await readFkwal2Log({ ...options, onEntry: ({ value }) => values.push(value) });
      expect(values).toEqual([...(refused ? [] : frames.map(({ value }) => value)), ...appended]);
      expect(found).toMatchObject({ torn: undefined, damage: undefined });
    }),
    { numRuns: 200 },
  );
});

it("many lengths that lie cost no more than the bytes between them", () => {
  const lie = Buffer.concat([Buffer.from([0, 4, 0, 0, 0, 0, 0, 0]), Buffer.from('{"Snapshot":')]);
  const bytes = file(Buffer.from("rubbish!"), ...Array.from({ length: 500 }, () => lie), Buffer.alloc(2000, 32));
  const walk = walkFkwal2({ fileBytes: bytes.length, decode: number, maxEntryBytes: Infinity, visit: () => undefined });
  let askedBytes = 0;
  for (let step = walk.next(); step.done !== true; ) {
    const { offset, atLeast } = step.value;
    askedBytes += atLeast;
    step = walk.next(bytes.subarray(offset, offset + Math.max(atLeast, 20)));
  }
  expect(askedBytes).toBeLessThan(5 * bytes.length);
});
