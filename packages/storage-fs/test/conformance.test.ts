import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storageConformance } from "@holdfast/storage-conformance";
import { fsBackend } from "../src/index.js";

storageConformance({
  name: "fs",
  // Every run syncs a real disk.
  propertyRuns: 20,
  async open() {
    const root = await mkdtemp(join(tmpdir(), "holdfast-fs-"));
    return {
      backend: await fsBackend({ root }),
      reopen: () => fsBackend({ root }),
      cleanup: () => rm(root, { recursive: true, force: true }),
      otherProcess: { module: new URL("other-process.js", import.meta.url), argument: root },
    };
  },
});
