import type { StorageKey } from "@holdfast/storage";
import { crc32c } from "@holdfast/bytes";
import { ByteSource } from "./byte-source.js";
import { ReplicaError } from "./errors.js";
import { checkEnvelopeHead, decodeEnvelopeTail, encodeEnvelopeHead, encodeEnvelopeTail, ENVELOPE_HEAD_BYTES, ENVELOPE_TAIL_BYTES, headCrc, type EnvelopeHead } from "./format/envelope.js";
import type { ReplicaLayoutName } from "./layouts.js";
import { decodeFrame, decodeLz4 } from "./lz4-decoder.js";
import { encodeLz4 } from "./lz4-encoder.js";

/** An object of a replica: what it is, and where. */
export interface ReplicaObject extends EnvelopeHead {
  readonly key: StorageKey;
}

/** How the objects of a layout are made of their content, and read. */
export interface ObjectCodec {
  /** The bytes of an object, made while they are asked for. */
  encode(object: ReplicaObject, content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** The content of an object. Whole only when the loop ends without an error. @throws REPLICA_CORRUPT, REPLICA_UNSUPPORTED_VERSION, REPLICA_TOO_LARGE. */
  decode(object: ReplicaObject, stored: AsyncIterable<Uint8Array>, maxBytes: number | undefined): AsyncIterable<Uint8Array>;
}

/** How the objects of a layout are made and read. `isLenient`: those of litestream's layouts as litestream reads them, damage or not. */
export function objectCodec(layout: ReplicaLayoutName, isLenient: boolean): ObjectCodec {
  return layout === "native" ? nativeCodec : litestreamCodec(isLenient);
}

/** An LZ4 file and nothing else. */
function litestreamCodec(isLenient: boolean): ObjectCodec {
  return {
    encode: (_object, content) => encodeLz4(content),
    decode: ({ key }, stored, maxBytes) => decodeLz4(stored, { reading: isLenient ? "lenient" : "strict", maxBytes, key }),
  };
}

/** An LZ4 frame between a head and a tail. */
const nativeCodec: ObjectCodec = {
  async *encode(object, content) {
    const head = encodeEnvelopeHead(object);
    let crc = headCrc(head);
    let rawSize = 0;
    yield head.slice();
    for await (const piece of encodeLz4(counting(content, (length) => (rawSize += length)))) {
      crc = crc32c(piece, crc);
      yield piece;
    }
    yield encodeEnvelopeTail(head, { rawSize, crc });
  },

  async *decode(object, stored, maxBytes) {
    let crc = 0;
    let rawSize = 0;
    const source = new ByteSource(stored, (bytes) => (crc = crc32c(bytes, crc)));
    try {
      crc = headCrc(await readHead(object, source));
      for await (const piece of decodeFrame(source, { key: object.key, maxBytes })) {
        rawSize += piece.length;
        yield piece;
      }
      await readTail(object, source, { rawSize, crc });
    } finally {
      await source.close();
    }
  },
};

async function readHead(object: ReplicaObject, source: ByteSource): Promise<Uint8Array> {
  const head = new Uint8Array(ENVELOPE_HEAD_BYTES);
  if ((await source.fill(head)) < head.length) throw corrupt(object, source.offset, "it ends inside its head");
  const unsound = checkEnvelopeHead(head, object);
  if (unsound?.problem === "unsupported") {
    throw new ReplicaError("REPLICA_UNSUPPORTED_VERSION", `${object.key}: ${unsound.reason}`, { operation: "read", key: object.key });
  }
  if (unsound !== undefined) throw corrupt(object, 0, unsound.reason);
  return head;
}

async function readTail(object: ReplicaObject, source: ByteSource, found: { readonly rawSize: number; readonly crc: number }): Promise<void> {
  const at = source.offset;
  const bytes = new Uint8Array(ENVELOPE_TAIL_BYTES);
  if ((await source.fill(bytes)) < bytes.length) throw corrupt(object, source.offset, "it ends inside its tail");
  const tail = decodeEnvelopeTail(encodeEnvelopeHead(object), bytes);
  if (tail === undefined) throw corrupt(object, at, "its tail is damaged");
  if (tail.crc !== found.crc || tail.rawSize !== found.rawSize) throw corrupt(object, at, "it is not what its tail says of it");
  if (!(await source.isAtEnd())) throw corrupt(object, source.offset, "there is something behind its tail");
}

async function* counting(content: AsyncIterable<Uint8Array>, count: (length: number) => void): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of content) {
    count(piece.length);
    yield piece;
  }
}

function corrupt({ key }: ReplicaObject, offset: number, what: string): ReplicaError {
  return new ReplicaError("REPLICA_CORRUPT", `${key}, at ${offset}: ${what}`, { operation: "read", key, offset });
}
