import { memoryBackend } from "@holdfast/storage";
// What is built, since threads cannot load TypeScript.
import { contentsOf, kinesisDefinition, openKinesisStore } from "@holdfast/kinesis";
import { expect, it } from "vitest";
import { sampleStream } from "../support/states.js";

it("lets a worker build its snapshots, from the package's own definition", async () => {
  const storage = memoryBackend();
  const replay = { module: import.meta.resolve("@holdfast/kinesis"), name: "kinesisDefinition" };
  const store = await openKinesisStore({ storage, prefix: "kinesis", snapshot: { replay } });
  await store.commit({ kind: "PutStream", stream: sampleStream });
  expect((await store.snapshot())?.seq).toBe(1);
  await store.commit({ kind: "PutRecords", streamName: "orders", shardHex: "0", records: [["0/1", Uint8Array.of(1)]] });
  expect((await store.snapshot())?.seq).toBe(2);
  const contents = contentsOf(store.state);
  await store.close();
  await using again = await openKinesisStore({ storage, prefix: "kinesis" });
  expect(again.health).toMatchObject({ replayedFrom: 2, replayedEvents: 0 });
  expect(contentsOf(again.state)).toEqual(contents);
  expect(kinesisDefinition.version).toBe(1);
});
