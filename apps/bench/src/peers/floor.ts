import { constants, fdatasync, fdatasyncSync, write, writeSync } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

/**
 * The floor: what this disk and this Node allow at best. A bare loop that writes frames as large as the log's, one after the other, at
 * the offsets where the log would put them, into space that was written and synced before, and waits for each to be durable.
 */
export interface Floor {
  /** `fs.write`, the next one from the callback of the one before. Answers the microseconds of each. */
  writeAsync(frames: number): Promise<Float64Array>;
  /** `fs.writeSync` in a loop, which holds up the whole process. Answers the microseconds of each. */
  writeSync(frames: number): Float64Array;
  close(): Promise<void>;
}

/** Bytes of a frame's header, and of the length before each record. */
const FRAME_HEADER_BYTES = 48;
const RECORD_HEADER_BYTES = 4;

/** A commit made durable with each write, as the log does it: O_DSYNC on Linux; elsewhere that does not reach the platter. */
const IS_DSYNC: boolean = process.platform === "linux";

/** How the floor's writes become durable, as the report prints it. */
export function floorSetting(): string {
  return `${IS_DSYNC ? "write on an O_DSYNC descriptor" : "write, then fdatasync"} into prewritten space, frames as large as the log's`;
}

/** Bytes of a commit of `records` records of `recordBytes` each. */
export function frameBytes(records: number, recordBytes: number): number {
  return FRAME_HEADER_BYTES + records * (RECORD_HEADER_BYTES + recordBytes);
}

/** Where the log puts a frame behind one that ends at `end`: 8-byte aligned, its header within one 512-byte sector. */
export function placeFrame(end: number): number {
  const aligned = Math.ceil(end / 8) * 8;
  const leftInSector = 512 - (aligned % 512);
  return leftInSector < FRAME_HEADER_BYTES ? aligned + leftInSector : aligned;
}

/**
 * Writes a file of zeros, syncs it, and opens it for the loops. They go round in it once it is full.
 *
 * @param directory - Existing directory.
 * @param bytes - Size of every frame.
 * @param frames - Frames the file has room for.
 */
export async function openFloor(directory: string, bytes: number, frames: number): Promise<Floor> {
  const path = join(directory, "floor.bin");
  const size = await prewrite(path, (bytes + FRAME_HEADER_BYTES) * frames);
  const handle = await open(path, constants.O_WRONLY | (IS_DSYNC ? constants.O_DSYNC : 0));
  const frame = new Uint8Array(bytes).fill(0x5a);
  let end = 0;
  const nextOffset = (): number => {
    const placed = placeFrame(end);
    const offset = placed + bytes > size ? 0 : placed;
    end = offset + bytes;
    return offset;
  };
  return {
    writeAsync: (count) => asyncLoop(handle.fd, frame, count, nextOffset),
    writeSync: (count) => syncLoop(handle.fd, frame, count, nextOffset),
    close: () => handle.close(),
  };
}

function asyncLoop(fd: number, frame: Uint8Array, count: number, nextOffset: () => number): Promise<Float64Array> {
  return new Promise((resolve, reject) => {
    const micros = new Float64Array(count);
    let written = 0;
    let started = 0;
    const next = (): void => {
      started = performance.now();
      write(fd, frame, 0, frame.length, nextOffset(), IS_DSYNC ? durable : syncThenDurable);
    };
    const durable = (error: Error | null, bytes: number): void => {
      micros[written++] = (performance.now() - started) * 1000;
      if (error !== null) reject(error);
      else if (bytes !== frame.length) reject(shortWrite());
      else if (written >= count) resolve(micros);
      else next();
    };
    const syncThenDurable = (error: Error | null, bytes: number): void => {
      if (error !== null) reject(error);
      else {
        fdatasync(fd, (syncError) => {
          durable(syncError, bytes);
        });
      }
    };
    next();
  });
}

function syncLoop(fd: number, frame: Uint8Array, count: number, nextOffset: () => number): Float64Array {
  const micros = new Float64Array(count);
  for (let written = 0; written < count; written += 1) {
    const started = performance.now();
    const bytes = writeSync(fd, frame, 0, frame.length, nextOffset());
    if (!IS_DSYNC) fdatasyncSync(fd);
    micros[written] = (performance.now() - started) * 1000;
    if (bytes !== frame.length) throw shortWrite();
  }
  return micros;
}

function shortWrite(): Error {
  return new Error("A write to the floor's file was cut short; is the disk full?");
}

async function prewrite(path: string, bytes: number): Promise<number> {
  const zeros = new Uint8Array(2 ** 20);
  const handle = await open(path, "w");
  try {
    let size = 0;
    while (size < bytes) size += await writeWhole(handle, zeros, size);
    await handle.sync();
    return size;
  } finally {
    await handle.close();
  }
}

async function writeWhole(handle: FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  const { bytesWritten } = await handle.write(bytes, 0, bytes.length, position);
  if (bytesWritten !== bytes.length) throw shortWrite();
  return bytesWritten;
}
