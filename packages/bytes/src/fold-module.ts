/**
 * The WebAssembly module of {@link foldingCrc32c}: imports the memory `m.m` and exports one function,
 * `fold(input, before, output, end)`. For each byte from address `input` to `end`, one by one,
 *
 * `output[i] = input[i] ^ before[i] ^ before[i + delays[0]] ^ before[i + delays[1]]`
 *
 * {@link FOLD_STEP_BYTES} at a time, so that the length must be a multiple of that and more than 0, and what is read through `before` must lie at
 * least as far behind what is written. It is put together here instead of being stored as bytes, so that one can read what it does
 * (WebAssembly Core Specification 2.0, chapter 5, "Binary Format").
 */
export function foldModule(delays: readonly [number, number]): Uint8Array {
  const instructions: number[] = [];
  for (let at = 0; at < FOLD_STEP_BYTES; at += VECTOR_BYTES) {
    instructions.push(
      ...get(OUTPUT),
      ...load(INPUT, at),
      ...load(BEFORE, at),
      ...XOR,
      ...load(BEFORE, delays[0] + at),
      ...load(BEFORE, delays[1] + at),
      ...XOR,
      ...XOR,
      ...store(at),
    );
  }
  const body = [0, ...LOOP, ...instructions, ...advance(BEFORE), ...advance(OUTPUT), ...advance(INPUT), ...get(INPUT), ...get(END), ...LESS, ...AGAIN, ...ENDED, ...ENDED];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    ...section(1, [1, 0x60, 4, I32, I32, I32, I32, 0]), // one type: four integers, no result
    ...section(2, [1, ...name("m"), ...name("m"), 0x02, 0x00, 1]), // one import: a memory of at least a page
    ...section(3, [1, 0]), // one function, of that type
    ...section(7, [1, ...name("fold"), 0x00, 0]), // exported
    ...section(10, [1, ...unsigned(body.length), ...body]), // what it does
  ]);
}

/** Four vectors: what one turn of the loop works on. */
export const FOLD_STEP_BYTES = 64;
const VECTOR_BYTES = 16;

/** The function's parameters. */
const INPUT = 0;
const BEFORE = 1;
const OUTPUT = 2;
const END = 3;

const I32 = 0x7f;
const LOOP = [0x03, 0x40];
const XOR = [0xfd, 0x51];
const LESS = [0x49]; // unsigned
const AGAIN = [0x0d, 0];
const ENDED = [0x0b];

function get(parameter: number): number[] {
  return [0x20, parameter];
}

/** Puts the vector at an address, given by a parameter and `offset`, on the stack; it may lie anywhere. */
function load(parameter: number, offset: number): number[] {
  return [...get(parameter), 0xfd, 0x00, 0, ...unsigned(offset)];
}

/** Stores the vector on the stack, at the address below it and `offset`. */
function store(offset: number): number[] {
  return [0xfd, 0x0b, 0, ...unsigned(offset)];
}

function advance(parameter: number): number[] {
  return [...get(parameter), 0x41, ...signed(FOLD_STEP_BYTES), 0x6a, 0x21, parameter];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function name(text: string): number[] {
  return [text.length, ...Array.from(text, (character) => character.charCodeAt(0))];
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** Signed LEB128 of a number that is not negative. */
function signed(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >>> 7)];
}
