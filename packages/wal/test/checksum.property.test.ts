import { crc32c } from "@holdfast/bytes";
import fc from "fast-check";
import { expect, it } from "vitest";

import { createFrameSeed, frameCheck, shortCrc } from "../src/format/checksum.js";

const bytes = fc.uint8Array({ maxLength: 80 });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });

it("the short checksum is CRC-32C", () => {
  fc.assert(
    fc.property(bytes, fc.nat(20), fc.nat(20), u32, (array, before, behind, initial) => {
      const from = Math.min(before, array.length);
      const to = Math.max(from, array.length - behind);
      expect(shortCrc(array, from, to, initial) >>> 0).toBe(crc32c(array.subarray(from, to), initial));
    }),
  );
});

it("a seed is the checksum of salt and offset", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.maxSafeNat(), (salt, offset) => {
      const both = new Uint8Array(16);
      both.set(salt);
      new DataView(both.buffer).setBigUint64(8, BigInt(offset), true);
      expect(createFrameSeed(salt)(offset)).toBe(crc32c(both));
    }),
  );
});

it("a mark is the low 32 bits of the salt", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (salt) => {
      expect(frameCheck(salt).mark).toBe(new DataView(salt.buffer, salt.byteOffset).getUint32(0, true));
    }),
  );
});
