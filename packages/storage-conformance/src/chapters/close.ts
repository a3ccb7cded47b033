import type { ConformanceCase } from "../case.js";

/** Rules of `close`. */
export const closeCases: readonly ConformanceCase[] = [
  {
    chapter: "close",
    name: "closing twice, also at the same time, resolves",
    needs: [],
    async run({ backend }) {
      await Promise.all([backend.close(), backend.close()]);
      await backend.close();
      await backend[Symbol.asyncDispose]();
    },
  },
];
