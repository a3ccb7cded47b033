/** `crc32c` in plain JavaScript, eight bytes at a time (Kounavis and Berry 2005, "slicing by 8"). Equal for every input. */
export function crc32cPure(bytes: Uint8Array, initial = 0): number {
  const length = bytes.length;
  let crc = ~initial;
  let at = 0;
  // Indices stay inside both arrays, so `?? 0` never answers 0; it tells the compiler so, and the optimiser drops it.
  for (const end = length - 7; at < end; at += 8) {
    crc =
      (tables[1792 + ((crc ^ (bytes[at] ?? 0)) & 0xff)] ?? 0) ^
      (tables[1536 + (((crc >>> 8) ^ (bytes[at + 1] ?? 0)) & 0xff)] ?? 0) ^
      (tables[1280 + (((crc >>> 16) ^ (bytes[at + 2] ?? 0)) & 0xff)] ?? 0) ^
      (tables[1024 + ((crc >>> 24) ^ (bytes[at + 3] ?? 0))] ?? 0) ^
      (tables[768 + (bytes[at + 4] ?? 0)] ?? 0) ^
      (tables[512 + (bytes[at + 5] ?? 0)] ?? 0) ^
      (tables[256 + (bytes[at + 6] ?? 0)] ?? 0) ^
      (tables[bytes[at + 7] ?? 0] ?? 0);
  }
  for (; at < length; at++) crc = (crc >>> 8) ^ (tables[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  return ~crc >>> 0;
}

/** Eight tables of 256 entries: table k continues a byte over k zero bytes. */
const tables: Int32Array = makeTables();

function makeTables(): Int32Array {
  const result = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
    result[byte] = crc;
  }
  for (let index = 256; index < result.length; index++) {
    const before = result[index - 256] ?? 0;
    result[index] = (before >>> 8) ^ (result[before & 0xff] ?? 0);
  }
  return result;
}
