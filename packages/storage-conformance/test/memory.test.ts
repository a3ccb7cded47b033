import { memoryBackend, memoryDisk, scoped } from "@holdfast/storage";
import type { MemoryDisk, StorageBackend } from "@holdfast/storage";
import { storageConformance } from "../src/index.js";
import type { ConformanceSubject } from "../src/index.js";

const kinds: Readonly<Record<string, (disk: MemoryDisk) => StorageBackend>> = {
  memory: (disk) => memoryBackend({ disk }),
  "memory without appendable": (disk) => memoryBackend({ disk, appendable: false }),
  "scoped(memory)": (disk) => scoped(memoryBackend({ disk }), "tenants/one"),
  "scoped(memory without appendable)": (disk) => scoped(memoryBackend({ disk, appendable: false }), "tenants/one"),
};

for (const [name, openOn] of Object.entries(kinds)) {
  storageConformance({
    name,
    open(): Promise<ConformanceSubject> {
      const disk = memoryDisk();
      return Promise.resolve({
        backend: openOn(disk),
        reopen: () => Promise.resolve(openOn(disk)),
        cleanup: () => Promise.resolve(),
        maxKeyBytes: name.startsWith("scoped") ? 900 - "tenants/one/".length : undefined,
      });
    },
  });
}
