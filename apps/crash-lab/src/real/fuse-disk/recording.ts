/** Something that a disk was asked to do. */
export type BlockEvent =
  | { readonly kind: "write"; readonly atMs: number; readonly offset: number; readonly bytes: Buffer }
  /** Everything before it is on the medium when it is answered. */
  | { readonly kind: "flush"; readonly atMs: number };

/** The bytes of an event, behind each other in a file. @param atMs - When it came, by the machine's monotonic clock. */
export function formatEvent(event: BlockEvent): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeDoubleLE(event.atMs, 0);
  if (event.kind === "flush") return head;
  head.writeUInt32LE(event.bytes.byteLength, 8);
  head.writeDoubleLE(event.offset, 16);
  return Buffer.concat([head, event.bytes]);
}

/** Reads what {@link formatEvent} has written. */
export function parseEvents(file: Buffer): readonly BlockEvent[] {
  const events: BlockEvent[] = [];
  for (let at = 0; at < file.byteLength; ) {
    const atMs = file.readDoubleLE(at);
    const length = file.readUInt32LE(at + 8);
    const start = at + HEAD_BYTES;
    if (length === 0) events.push({ kind: "flush", atMs });
    else events.push({ kind: "write", atMs, offset: file.readDoubleLE(at + 16), bytes: file.subarray(start, start + length) });
    at = start + length;
  }
  return events;
}

const HEAD_BYTES = 24;
