import { describe, expect, it, vi } from "vitest";
import { bodyBytes, readBody, type StorageBody } from "../src/index.js";
import { all, expectStorageError, text, utf8 } from "./expect-storage-error.js";

const call = { operation: "create", key: "a/b.x", backend: "test" };

/** A source that yields `pieces` and says whether it was closed. */
function source(pieces: readonly Uint8Array[], bytes?: number): { body: StorageBody; closed: () => number; opened: () => number } {
  let closed = 0;
  let opened = 0;
  async function* open(): AsyncGenerator<Uint8Array> {
    opened += 1;
    try {
      yield* pieces;
    } finally {
      closed += 1;
    }
  }
  return { body: bytes === undefined ? { open } : { bytes, open }, closed: () => closed, opened: () => opened };
}

describe("bodyBytes", () => {
  it("is the length of an array, or what a source states", () => {
    expect(bodyBytes(utf8("abc"))).toBe(3);
    expect(bodyBytes(source([], 7).body)).toBe(7);
    expect(bodyBytes(source([]).body)).toBeUndefined();
  });
});

describe("readBody", () => {
  it("gives an array as it is, and an empty one as nothing", async () => {
    const bytes = utf8("abc");
    expect(await all(readBody(bytes, call))).toEqual([bytes]);
    expect(await all(readBody(new Uint8Array(0), call))).toEqual([]);
  });

  it("gives the pieces of a source, with and without a stated length", async () => {
    for (const stated of [undefined, 6]) {
      const { body, closed, opened } = source([utf8("abc"), new Uint8Array(0), utf8("def")], stated);
      expect((await all(readBody(body, call))).map(text).join("")).toBe("abcdef");
      expect((await all(readBody(body, call))).map(text).join("")).toBe("abcdef");
      expect([opened(), closed()]).toEqual([2, 2]);
    }
  });

  it.each([
    [0, "has more"],
    [2, "has more"],
    [4, "has 3"],
  ])("refuses 3 bytes where %s are stated, and closes the source", async (stated, says) => {
    const { body, closed } = source([utf8("a"), utf8("bc")], stated);
    const error = await expectStorageError(() => all(readBody(body, call)), "STORAGE_WRITE_FAILED");
    expect(error).toMatchObject({ outcome: "not_applied", operation: "create", key: "a/b.x", backend: "test" });
    expect(error.message).toBe(`create a/b.x: the body states ${stated} bytes and ${says}`);
    expect(closed()).toBe(1);
  });

  it("stops at the first piece too many", async () => {
    let asked = 0;
    const endless: StorageBody = {
      bytes: 10,
      async *open() {
        while (true) {
          asked += 1;
          yield new Uint8Array(4);
        }
      },
    };
    await expectStorageError(() => all(readBody(endless, call)), "STORAGE_WRITE_FAILED");
    expect(asked).toBe(3);
  });

  it.each([-1, 0.5, NaN, Infinity, 2 ** 53])("refuses a stated length of %s without opening", async (stated) => {
    const { body, opened } = source([utf8("abc")], stated);
    const error = await expectStorageError(() => all(readBody(body, call)), "STORAGE_INVALID_ARGUMENT");
    expect(error.outcome).toBe("not_applied");
    expect(opened()).toBe(0);
  });

  it("carries what the source threw, whenever it did", async () => {
    const boom = new Error("boom");
    const bodies: StorageBody[] = [
      { open: () => { throw boom; } },
      { open: () => ({ [Symbol.asyncIterator]: () => { throw boom; } }) },
      { async *open() { yield utf8("a"); throw boom; } },
    ];
    for (const body of bodies) {
      const error = await expectStorageError(() => all(readBody(body, call)), "STORAGE_WRITE_FAILED");
      expect(error).toMatchObject({ outcome: "not_applied", cause: boom });
      const signal = new AbortController().signal;
      expect((await expectStorageError(() => all(readBody(body, { ...call, signal })), "STORAGE_WRITE_FAILED")).cause).toBe(boom);
    }
  });

  it("refuses pieces that are no bytes", async () => {
    const body = { async *open() { yield "abc"; } } as unknown as StorageBody;
    expect((await expectStorageError(() => all(readBody(body, call)), "STORAGE_WRITE_FAILED")).cause).toBeInstanceOf(TypeError);
  });

  it("closes the source when the reader leaves early, with and without a signal", async () => {
    for (const signal of [undefined, new AbortController().signal]) {
      const { body, closed } = source([utf8("a"), utf8("b")]);
      for await (const piece of readBody(body, { ...call, signal })) {
        expect(text(piece)).toBe("a");
        break;
      }
      expect(closed()).toBe(1);
    }
  });

  it("opens nothing when the signal has aborted", async () => {
    const { body, opened } = source([utf8("a")]);
    const reason = new Error("enough");
    await expect(all(readBody(body, { ...call, signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
    await expect(all(readBody(utf8("a"), { ...call, signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
    expect(opened()).toBe(0);
  });

  it("does not wait for a source that keeps it waiting when the signal aborts", async () => {
    const controller = new AbortController();
    const returned = vi.fn(() => Promise.resolve({ done: true as const, value: undefined }));
    const body: StorageBody = {
      open: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined), return: returned }) }),
    };
    const reading = all(readBody(body, { ...call, signal: controller.signal }));
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(reading).rejects.toBe(reason);
    expect(returned).toHaveBeenCalledTimes(1);
  });

  it("rejects with the reason of the signal when it aborts between pieces, or makes the source throw", async () => {
    for (const throws of [false, true]) {
      const controller = new AbortController();
      const reason = new Error("enough");
      const body: StorageBody = {
        async *open() {
          yield utf8("a");
          if (throws) {
            controller.abort(reason);
            throw new Error("the source noticed");
          }
          yield utf8("b");
        },
      };
      const seen: (string | undefined)[] = [];
      const reading = (async () => {
        for await (const piece of readBody(body, { ...call, signal: controller.signal })) {
          seen.push(text(piece));
          if (!throws) controller.abort(reason);
        }
      })();
      await expect(reading).rejects.toBe(reason);
      expect(seen).toEqual(["a"]);
    }
  });

  it("leaves no listener on the signal", async () => {
    const { signal } = new AbortController();
    const add = vi.spyOn(signal, "addEventListener");
    const remove = vi.spyOn(signal, "removeEventListener");
    await all(readBody(source([utf8("a"), utf8("b")]).body, { ...call, signal }));
    expect(add).toHaveBeenCalledTimes(1);
    expect(remove).toHaveBeenCalledWith("abort", add.mock.calls[0]?.[1]);
  });
});
