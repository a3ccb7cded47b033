import { mildAdversary, seededRandom, virtualClock } from "@holdfast/storage-sim";
import { driveClock, SimObjectStore } from "@holdfast/storage-sim/object-store";
import type { StorageBackend } from "@holdfast/storage";
import type { HttpPort } from "@holdfast/storage/ports";
import { s3Backend } from "@holdfast/storage-s3";
import { openLog, openLogReader } from "@holdfast/wal";
import { expect, it } from "vitest";

const clock = virtualClock();
const prefix = "orders";

function backendOver(port: HttpPort): StorageBackend {
  return s3Backend({
    bucket: "bucket",
    endpoint: "http://localhost",
    region: "us-east-1",
    credentials: { accessKeyId: "key", secretAccessKey: "secret" },
    conditionalWrites: "trusted",
    clock,
    random: seededRandom(1),
    port,
  });
}

/** The sequence numbers of a log of one record and a commit of three, read backwards by somebody who cannot read headers of objects alone. */
async function readBackwards(): Promise<readonly number[]> {
  const port = new SimObjectStore({ clock, adversary: mildAdversary }).port();
  const log = await openLog({ storage: backendOver(port), prefix, clock, random: seededRandom(2) });
  await log.append(Buffer.from("1"));
  await log.appendBatch(["2", "3", "4"].map((it) => Buffer.from(it)));
  await log.close();
  let isHarmed = false;
  const harmed = backendOver({
    ...port,
    async request(sent) {
      const answer = await port.request(sent);
      if (!isHarmed || sent.headers["range"] === undefined) return answer;
      return { ...answer, body: zeros(Number(answer.headers["content-length"])) };
    },
  });
  const reader = await openLogReader({ storage: harmed, prefix, clock });
  isHarmed = true;
  const read: number[] = [];
  for await (const { seq } of reader.read({ reverse: true })) read.push(seq);
  return read;
}

async function* zeros(length: number): AsyncGenerator<Uint8Array, void, undefined> {
  yield new Uint8Array(length);
}

it("a log that is read backwards gives each record once, also where it cannot see where an object begins", async () => {
  expect(await driveClock(clock, readBackwards())).toEqual([4, 3, 2, 1]);
});
