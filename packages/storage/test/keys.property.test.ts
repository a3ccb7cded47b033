import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeKeyPart, encodeKeyPart, joinKey, joinPrefix, StorageError, storageKey, storagePrefix } from "../src/index.js";

const directory = fc.stringMatching(/^[a-z0-9_-]{1,5}$/);
const leaf = fc.stringMatching(/^[a-z0-9_-]{1,5}(\.[a-z0-9]{1,3}){1,3}$/);
const directories = fc.array(directory, { maxLength: 5 });
const key = fc.tuple(directories, leaf).map(([parts, last]) => [...parts, last].join("/"));

/** Any text, with what is dangerous in names more often than chance would have it. */
const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom(...Array.from("abAB01._-/\\:%~ \0\n"), "..", "é", "e\u0301", "😀", "\ud800", "K", "ı", "con", "nul") }),
);
const id = fc
  .oneof(fc.string({ unit: "binary", minLength: 1, maxLength: 16 }), fc.string({ unit: fc.constantFrom(...Array.from("aAbB_-.kK0"), "K", "é", "e\u0301"), minLength: 1, maxLength: 16 }))
  .filter((text) => !/\p{Surrogate}/u.test(text));

it("everything in the grammar is a key", () => {
  fc.assert(
    fc.property(key, (text) => {
      expect(storageKey(text)).toBe(text);
    }),
  );
});

it("everything in the grammar is a prefix, with and without its last slash", () => {
  fc.assert(
    fc.property(directories, (parts) => {
      const canonical = parts.map((part) => `${part}/`).join("");
      expect(storagePrefix(canonical)).toBe(canonical);
      expect(storagePrefix(parts.join("/"))).toBe(canonical);
    }),
  );
});

it("whatever passes cannot leave its directory, be a directory, or differ only by case", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      let accepted: string;
      try {
        accepted = storageKey(text);
      } catch (error) {
        expect(error).toBeInstanceOf(StorageError);
        return;
      }
      const parts = accepted.split("/");
      const last = parts.pop();
      expect(accepted.length).toBeLessThanOrEqual(900);
      expect(accepted).toMatch(/^[\x20-\x7e]+$/);
      expect(accepted.toLowerCase().normalize("NFC")).toBe(accepted);
      expect(last).toMatch(/.\../);
      for (const part of parts) expect(part).toMatch(/^[^.]+$/);
    }),
  );
});

it("no key is the directory of another", () => {
  fc.assert(
    fc.property(key, key, (one, other) => {
      expect(`${one}/`.startsWith(`${other}/`) && one !== other).toBe(false);
    }),
  );
});

it("the order of JavaScript is the order of the bytes, slashes included", () => {
  fc.assert(
    fc.property(fc.array(key, { maxLength: 20 }), (keys) => {
      const byBytes = keys.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
      expect(keys.toSorted()).toEqual(byBytes);
      expect(keys.toSorted((one, other) => (one < other ? -1 : one > other ? 1 : 0))).toEqual(byBytes);
    }),
  );
});

it("joining is putting one behind the other", () => {
  fc.assert(
    fc.property(directories, directories, leaf, (above, below, name) => {
      const prefix = storagePrefix(above.join("/"));
      const inner = storagePrefix(below.join("/"));
      expect(joinPrefix(prefix, inner)).toBe(prefix + inner);
      expect(joinKey(joinPrefix(prefix, inner), name)).toBe(joinKey(prefix, inner + name));
    }),
  );
});

it("an id becomes a directory name and comes back", () => {
  fc.assert(
    fc.property(id, (text) => {
      const part = encodeKeyPart(text);
      expect(decodeKeyPart(part)).toBe(text);
      expect(storagePrefix(part)).toBe(`${part}/`);
      expect(storageKey(`${part}.x`)).toBe(`${part}.x`);
      expect(part).not.toMatch(/^(con|prn|aux|nul|com\d|lpt\d)$/i);
      expect(part.length).toBeLessThanOrEqual(200);
    }),
  );
});

it("different ids are different names, whatever a file system does to case and accents", () => {
  fc.assert(
    fc.property(id, id, (one, other) => {
      const fold = (text: string) => encodeKeyPart(text).normalize("NFKD").toUpperCase().toLowerCase();
      expect(fold(one) === fold(other)).toBe(one === other);
    }),
  );
});

it("an id and its look-alikes are different names", () => {
  fc.assert(
    fc.property(id, (text) => {
      for (const alike of [text.toUpperCase(), text.toLowerCase(), text.normalize("NFC"), text.normalize("NFD"), `${text} `, `${text}.`]) {
        if (alike !== text && alike.length <= 16) expect(encodeKeyPart(alike).toLowerCase()).not.toBe(encodeKeyPart(text).toLowerCase());
      }
    }),
  );
});

it("any text is encoded or refused, and decoded exactly or not at all", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      try {
        expect(decodeKeyPart(encodeKeyPart(text))).toBe(text);
      } catch (error) {
        expect(error).toBeInstanceOf(StorageError);
      }
      const decoded = decodeKeyPart(text);
      if (decoded !== undefined) expect(encodeKeyPart(decoded)).toBe(text);
    }),
  );
});
