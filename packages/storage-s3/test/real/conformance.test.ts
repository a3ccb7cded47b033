import { storageConformance } from "@holdfast/storage-conformance";
import { beforeAll, describe, it } from "vitest";
import { s3Backend } from "../../src/index.js";
import { freshOptions, makeBucket, removeAll, server } from "./server.js";

if (server === undefined) {
  describe("s3 on a real server", () => {
    it.skip("HOLDFAST_S3_ENDPOINT names none; npm run test:s3 starts some", () => undefined);
  });
} else {
  beforeAll(makeBucket);
  storageConformance({
    name: `s3 on ${server.name}`,
    propertyRuns: 10,
    timeoutMs: 60_000,
    open() {
      const options = freshOptions();
      return Promise.resolve({
        backend: s3Backend(options),
        reopen: () => Promise.resolve(s3Backend(options)),
        cleanup: () => removeAll(options),
        otherProcess: { module: new URL("other-process.js", import.meta.url), argument: JSON.stringify(options) },
      });
    },
  });
}
