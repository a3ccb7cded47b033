import { fsBackend } from "@holdfast/storage-fs";
import { seededAdversary, seededRandom, SimDisk, virtualClock } from "@holdfast/storage-sim";
import { openLog, type Log } from "@holdfast/wal";
import { expect, it } from "vitest";

// A file of more than 4 KiB had a header once, so that one without is damaged. The log took it for what an interrupted opening
// had left, and removed it with its next append.
it("keeps a segment, though one read of it was answered with zeros", async () => {
  const disk = new SimDisk({ profile: "posix", adversary: seededAdversary(1) });
  const first = await open(disk);
  for (const size of [2, 106, 6729]) await first.append(Buffer.alloc(size, 1));
  await first.close();
  const [segment] = segmentsOf(disk);
  expect(segment).toBeDefined();
  disk.addFault({ operation: "read", nth: 1, kind: "misdirect" });
  try {
    const second = await open(disk);
    await second.append(Buffer.alloc(9, 1));
    await second.close();
  } catch {
    // To refuse is right; what counts is what is left.
  }
  expect(segmentsOf(disk)).toContain(segment);
});

async function open(disk: SimDisk): Promise<Log> {
  const [clock, random] = [virtualClock(), seededRandom(1)];
  return openLog({ storage: await fsBackend({ root: "/data", port: disk.port(), clock, random }), prefix: "log", clock, random });
}

function segmentsOf(disk: SimDisk): readonly string[] {
  return [...disk.files().keys()].filter((path) => path.endsWith(".wal") && path.includes("/segment/"));
}
