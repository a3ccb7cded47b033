import { inspect } from "node:util";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { runs } from "@holdfast/test-worlds";
import { describe, expect, expectTypeOf, test } from "vitest";
import fc from "fast-check";
import { bytesCodec, json, openLog, openLogReader, type Codec, type Log } from "../src/index.js";
import { memoryPlace, type Place } from "./support/backends.js";
import { all, bytesOf, walError } from "./support/expecting.js";
import { Follower } from "./support/follower.js";

/** Stands in payloads, and must stand in no error. */
const SECRET = "hunter2-secret";

interface Order {
  readonly id: number;
  readonly note: string;
}

/** A schema as any validation library has it: an order, whose note is trimmed. */
const orderSchema: StandardSchemaV1<unknown, Order> = {
  "~standard": {
    version: 1,
    vendor: "by-hand",
    validate(value) {
      const { id, note } = (typeof value === "object" && value !== null ? value : {}) as Partial<Record<string, unknown>>;
      const issues: StandardSchemaV1.Issue[] = [];
      if (typeof id !== "number") issues.push({ message: `expected a number, got ${String(id)}`, path: ["id"] });
      if (typeof note !== "string") issues.push({ message: `expected a text, got ${String(note)}`, path: [{ key: "note" }] });
      return issues.length > 0 ? { issues } : { value: { id: id as number, note: (note as string).trim() } };
    },
  },
};

async function openWith<T>(codec: Codec<T>, place: Place = memoryPlace()): Promise<Log<T>> {
  return openLog({ storage: await place.open(), prefix: "orders", codec });
}

async function values<T>(log: Log<T>): Promise<T[]> {
  return (await all(log.read())).map((it) => it.value);
}

/** Everything that somebody could print of an error. */
function printed(error: unknown): string {
  return inspect(error, { depth: 10, showHidden: true });
}

describe("bytes", () => {
  test("are what was appended, and belong to the reader", async () => {
    const log = await openLog({ storage: await memoryPlace().open(), prefix: "orders" });
    expectTypeOf(log).toEqualTypeOf<Log>();
    await log.append(Uint8Array.of(1, 2, 3));
    await log.append(Buffer.from("buffer"));
    await log.append(new Uint8Array(Uint8Array.of(9, 8, 7, 6).buffer, 1, 2));
    expect((await values(log)).map((it) => [...it])).toEqual([[1, 2, 3], [...Buffer.from("buffer")], [8, 7]]);
    const [first] = await values(log);
    first!.fill(0xff);
    expect([...(await values(log))[0]!], "what one reader does to its bytes no other sees").toEqual([1, 2, 3]);
    await log.close();
  });

  test("are the default", async () => {
    const place = memoryPlace();
    const log = await openLog({ storage: await place.open(), prefix: "orders" });
    await log.append(bytesOf("a"));
    await log.close();
    const again = await openWith(bytesCodec, place);
    expect((await values(again)).map((it) => Buffer.from(it).toString())).toEqual(["a"]);
    await again.close();
  });

  test("must be bytes", async () => {
    const log = await openLog({ storage: await memoryPlace().open(), prefix: "orders" });
    for (const value of [SECRET, undefined, null, 5, [1, 2], new ArrayBuffer(4), new DataView(new ArrayBuffer(2)), { length: 3 }]) {
      const error = await walError(log.append(value as Uint8Array), "WAL_CODEC_FAILED");
      expect(error).toMatchObject({ seq: 1, outcome: "not_applied", operation: "append" });
      expect(printed(error)).not.toContain(SECRET);
    }
    expect(log.nextSeq).toBe(1);
    await log.close();
  });

  test("of every length come back", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 4 }), { maxLength: 6 }), async (batches) => {
        const place = memoryPlace();
        const log = await openLog({ storage: await place.open(), prefix: "orders" });
        for (const batch of batches) await log.appendBatch(batch);
        await place.crash();
        const again = await openLog({ storage: await place.open(), prefix: "orders" });
        expect((await values(again)).map((it) => [...it])).toEqual(batches.flat().map((it) => [...it]));
        await again.close();
      }),
      { numRuns: runs(60) },
    );
  });
});

describe("json", () => {
  test("brings every JSON value back", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue(), { minLength: 1, maxLength: 8 }), async (items) => {
        const log = await openWith(json());
        await log.appendBatch(items);
        // What JSON itself makes of it: −0 is 0.
        expect(await values(log)).toEqual(items.map((it) => JSON.parse(JSON.stringify(it)) as unknown));
        await log.close();
      }),
      { numRuns: runs(60) },
    );
  });

  test("keeps names that mean something to JavaScript, and any text", async () => {
    const log = await openWith(json());
    const text = '{"__proto__":{"polluted":true},"constructor":1,"prototype":[],"text":"\\ud83d\\ude00 \\u0000 \\ufeff ä"}';
    await log.append(JSON.parse(text));
    await log.append("\ufeffstarts with a mark");
    await log.append("\ud800 alone");
    const [object, marked, lone] = (await values(log)) as [Record<string, unknown>, string, string];
    expect(Object.keys(object)).toEqual(["__proto__", "constructor", "prototype", "text"]);
    expect(JSON.stringify(object)).toBe(JSON.stringify(JSON.parse(text)));
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(marked).toBe("\ufeffstarts with a mark");
    expect(lone).toBe("\ud800 alone");
    await log.close();
  });

  test("refuses at append what JSON has no text for, and goes on", async () => {
    const log = await openWith(json());
    await log.append({ ok: 1 });
    const circular: Record<string, unknown> = { secret: SECRET };
    circular["self"] = circular;
    const throwing = {
      toJSON() {
        throw new Error("no");
      },
    };
    for (const value of [undefined, () => SECRET, Symbol(SECRET), 10n, circular, throwing]) {
      const error = await walError(log.append(value), "WAL_CODEC_FAILED");
      expect(error).toMatchObject({ seq: 2, outcome: "not_applied", operation: "append" });
      expect(error.message).toContain('"json"');
      expect(error.cause).toBeInstanceOf(Error);
      expect(printed(error)).not.toContain(SECRET);
    }
    expect((await walError(log.appendBatch([1, 2, undefined, 4]), "WAL_CODEC_FAILED")).seq, "the number it would have had").toBe(4);
    expect(log.nextSeq).toBe(2);
    expect(await log.append(2)).toBe(2);
    expect(await values(log)).toEqual([{ ok: 1 }, 2]);
    await log.close();
  });

  test("refuses at read what is no JSON text, with its number and without its bytes", async () => {
    const stored = [`{"${SECRET}": `, `"${SECRET}`, "", "undefined", SECRET, "[1,]"];
    for (const bytes of [...stored.map((it) => bytesOf(it)), Uint8Array.of(0x22, 0xff, 0xfe, 0x22), Buffer.from("\ufeff1")]) {
      const place = memoryPlace();
      const raw = await openLog({ storage: await place.open(), prefix: "orders" });
      await raw.append(bytesOf("1"));
      await raw.append(bytes);
      await raw.append(bytesOf("3"));
      await raw.close();
      const log = await openWith(json(), place);
      const reader = await openLogReader({ storage: await place.open(), prefix: "orders", codec: json() });
      const follower = new Follower(log);
      await follower.done;
      const errors = [
        await walError(all(log.read()), "WAL_CODEC_FAILED"),
        await walError(all(log.read({ reverse: true })), "WAL_CODEC_FAILED"),
        await walError(all(log.readBatches()), "WAL_CODEC_FAILED"),
        await walError(log.get(2), "WAL_CODEC_FAILED"),
        await walError(all(reader.read()), "WAL_CODEC_FAILED"),
        follower.ended,
      ];
      for (const error of errors) {
        expect(error).toMatchObject({ code: "WAL_CODEC_FAILED", seq: 2, operation: "read" });
        expect(printed(error)).not.toContain(SECRET);
      }
      expect(follower.records).toEqual([{ seq: 1, value: 1 }]);
      // The others can be read around it.
      expect((await log.get(1))?.value).toBe(1);
      expect((await all(log.read({ from: 3 }))).map((it) => it.value)).toEqual([3]);
      await log.close();
      await reader.close();
    }
  });
});

describe("json with a schema", () => {
  test("gives what the schema makes of a value, and knows its type", async () => {
    const codec = json(orderSchema);
    expectTypeOf(codec).toEqualTypeOf<Codec<Order>>();
    const log = await openWith(codec);
    await log.append({ id: 1, note: "  padded " });
    await log.appendBatch([
      { id: 2, note: "b" },
      { id: 3, note: "" },
    ]);
    expect(await values(log)).toEqual([
      { id: 1, note: "padded" },
      { id: 2, note: "b" },
      { id: 3, note: "" },
    ]);
    await log.close();
  });

  test("refuses at append what does not satisfy it, and says where, not what", async () => {
    const log = await openWith(json(orderSchema));
    await log.append({ id: 1, note: "a" });
    const error = await walError(log.append({ id: SECRET, note: SECRET } as unknown as Order), "WAL_CODEC_FAILED");
    expect(error).toMatchObject({ seq: 2, outcome: "not_applied" });
    expect((error.cause as Error).message).toContain("at id");
    expect(printed(error)).not.toContain(SECRET);
    const both = await walError(log.append({ id: SECRET, note: 5 } as unknown as Order), "WAL_CODEC_FAILED");
    expect((both.cause as Error).message).toContain("id, note");
    expect(printed(both)).not.toContain(SECRET);
    const root = await walError(log.append(null as unknown as Order), "WAL_CODEC_FAILED");
    expect((root.cause as Error).message).toMatch(/id, note/);
    expect(log.nextSeq).toBe(2);
    await log.close();
  });

  test("refuses at read what does not satisfy it, with its number", async () => {
    const place = memoryPlace();
    const before = await openWith(json(), place);
    await before.append({ id: 1, note: "a" });
    await before.append({ id: 2, note: [SECRET] });
    await before.close();
    const log = await openWith(json(orderSchema), place);
    const error = await walError(all(log.read()), "WAL_CODEC_FAILED");
    expect(error).toMatchObject({ seq: 2, operation: "read" });
    expect(printed(error)).not.toContain(SECRET);
    await log.close();
  });

  test("an issue without a path is at the root", async () => {
    const nothing: StandardSchemaV1<unknown, never> = { "~standard": { version: 1, vendor: "by-hand", validate: () => ({ issues: [{ message: SECRET }] }) } };
    const log = await openWith<unknown>(json(nothing));
    const error = await walError(log.append(1), "WAL_CODEC_FAILED");
    expect((error.cause as Error).message).toContain("(root)");
    expect(printed(error)).not.toContain(SECRET);
    await log.close();
  });

  test("a schema that validates asynchronously cannot be used", async () => {
    const later: StandardSchemaV1<unknown, number> = { "~standard": { version: 1, vendor: "by-hand", validate: (value) => Promise.resolve({ value: value as number }) } };
    const log = await openWith(json(later));
    const error = await walError(log.append(1), "WAL_CODEC_FAILED");
    expect((error.cause as Error).message).toContain("synchronous");
    await log.close();
  });

  test("a schema that rejects asynchronously leaves no rejection behind", async () => {
    const later: StandardSchemaV1<unknown, number> = { "~standard": { version: 1, vendor: "by-hand", validate: () => Promise.reject(new Error("later")) } };
    const log = await openWith(json(later));
    await walError(log.append(1), "WAL_CODEC_FAILED");
    await log.close();
  });
});

describe("a codec of one's own", () => {
  test("whatever it throws becomes an error with the record's number", async () => {
    const codec: Codec<string> = {
      name: "own",
      encode(value) {
        if (value === "bad") throw "a text, not an error"; // eslint-disable-line @typescript-eslint/only-throw-error -- What others throw is not ours to choose.
        return Buffer.from(value);
      },
      decode(bytes) {
        if (bytes.length === 3) throw undefined; // eslint-disable-line @typescript-eslint/only-throw-error -- As above.
        return Buffer.from(bytes).toString();
      },
    };
    const log = await openWith(codec);
    await log.append("one more");
    expect(await walError(log.append("bad"), "WAL_CODEC_FAILED")).toMatchObject({ seq: 2, cause: "a text, not an error" });
    await log.append("abc");
    expect(await walError(log.get(2), "WAL_CODEC_FAILED")).toMatchObject({ seq: 2 });
    await log.close();
  });

  test("is given bytes that it may keep", async () => {
    const kept: Uint8Array[] = [];
    const codec: Codec<Uint8Array> = {
      name: "keeping",
      encode: (value) => value,
      decode(bytes) {
        kept.push(bytes);
        return bytes;
      },
    };
    const log = await openWith(codec);
    for (let index = 0; index < 50; index++) await log.append(bytesOf(`record ${index}`));
    await all(log.read());
    await all(log.read({ reverse: true }));
    expect(kept.slice(0, 50).map((it) => Buffer.from(it).toString())).toEqual(Array.from({ length: 50 }, (_, index) => `record ${index}`));
    await log.close();
  });
});
