import { storageConformance } from "@holdfast/storage-conformance";
import { fsBackend, type FsBackend } from "@holdfast/storage-fs";
import { seededAdversary, seededRandom, SimDisk, virtualClock } from "../src/index.js";

for (const maxTurns of [1, 3]) {
  storageConformance({
    name: `storage-fs on a simulated disk, calls answered ${maxTurns === 1 ? "in their order" : "in any order"}`,
    propertyRuns: 50,
    async open() {
      const clock = virtualClock();
      const disk = new SimDisk({ profile: "posix", adversary: seededAdversary(1), maxTurns, clock });
      let opened = 0;
      const open = (): Promise<FsBackend> => {
        opened += 1;
        return fsBackend({ root: "/data", port: disk.port(), clock, random: seededRandom(opened) });
      };
      return { backend: await open(), reopen: open, cleanup: () => Promise.resolve() };
    },
  });
}
