import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";
import { crc32c, crc32cPure, useCrc32c } from "../src/index.js";

const bytes = fc.uint8Array({ minLength: 0, maxLength: 1000, size: "max" });
const initial = fc.integer({ min: 0, max: 0xffff_ffff });

/** One bit at a time, from the definition. */
function crc32cByDefinition(input: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of input) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

it("both are the CRC of the definition", () => {
  fc.assert(
    fc.property(bytes, (input) => {
      const expected = crc32cByDefinition(input);
      expect(crc32c(input)).toBe(expected);
      expect(crc32cPure(input)).toBe(expected);
    }),
  );
});

it("both are equal for any initial value and any place in memory", () => {
  fc.assert(
    fc.property(bytes, initial, fc.nat(16), (input, start, pad) => {
      const moved = new Uint8Array(pad + input.length + 9).fill(0xa5);
      moved.set(input, pad);
      const view = moved.subarray(pad, pad + input.length);
      expect(crc32c(view, start)).toBe(crc32cPure(input, start));
      expect(crc32cPure(view, start)).toBe(crc32cPure(input, start));
      expect(crc32c(view, start)).toBe(crc32c(Buffer.from(input), start));
    }),
  );
});

it("continues over any two splits", () => {
  fc.assert(
    fc.property(bytes, fc.nat(1000), fc.nat(1000), (input, one, two) => {
      const [first, second] = [Math.min(one, two), Math.max(one, two)];
      for (const crc of [crc32c, crc32cPure]) {
        const parts = [input.subarray(0, first), input.subarray(first, second), input.subarray(second)];
        expect(parts.reduce((sum, part) => crc(part, sum), 0)).toBe(crc(input));
      }
    }),
  );
});

it("one bit flipped is always seen", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(), fc.integer({ min: 0, max: 7 }), (input, where, bit) => {
      const changed = input.slice();
      changed[where % input.length]! ^= 1 << bit;
      expect(crc32c(changed)).not.toBe(crc32c(input));
    }),
  );
});

it("with a function that was handed in, it is the same for any bytes, initial value and splits", () => {
  onTestFinished(() => {
    useCrc32c(undefined);
  });
  useCrc32c((input, start) => (start === 0 ? crc32cByDefinition(input) : crc32cPure(input, start)));
  fc.assert(
    fc.property(bytes, initial, fc.nat(1000), fc.nat(1000), (input, start, one, two) => {
      const [first, second] = [Math.min(one, two), Math.max(one, two)];
      const parts = [input.subarray(0, first), input.subarray(first, second), input.subarray(second)];
      expect(parts.reduce((sum, part) => crc32c(part, sum), 0)).toBe(crc32cPure(input));
      expect(parts.reduce((sum, part) => crc32c(part, sum), start)).toBe(crc32cPure(input, start));
    }),
  );
});
