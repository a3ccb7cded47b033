import { describe, expect, it } from "vitest";

import { countCalls, describeFault, faultsOf, injection } from "../../src/real/sweep/faults.js";

describe("what strace is told, and what it tells", () => {
  it("names one call, or that one and all behind it, an error or a signal", () => {
    const once = { syscall: "pwrite64", effect: "EIO", nth: 3, forEver: false };
    expect(injection(once)).toBe("inject=pwrite64:error=EIO:when=3");
    expect(injection({ ...once, forEver: true })).toBe("inject=pwrite64:error=EIO:when=3+");
    expect(injection({ ...once, effect: "SIGKILL" })).toBe("inject=pwrite64:signal=SIGKILL:when=3");
    expect(describeFault({ ...once, forEver: true })).toBe("pwrite64 EIO at call 3 and for ever");
  });

  it("counts each kind of call by the thread that makes most of them, and an interrupted line once", () => {
    const trace = [
      '101 pwrite64(19, "x"..., 4096, 0) = 4096',
      "102 fsync(20 <unfinished ...>",
      '101 pwrite64(19, "x"..., 48, 4096) = 48',
      "102 <... fsync resumed>) = 0",
      '102 pwrite64(19, "x"..., 48, 8192) = -1 EIO (Input/output error) (INJECTED)',
      "101 +++ killed by SIGKILL +++",
    ].join("\n");
    expect(Object.fromEntries(countCalls(trace))).toEqual({ pwrite64: 2, fsync: 1 });
  });

  it("tries each error once and for ever, and a kill once, at each call", () => {
    const faults = faultsOf(new Map([["fdatasync", 2], ["unknown", 9]]));
    expect(faults.map(injection)).toEqual(
      [1, 2].flatMap((nth) => [
        `inject=fdatasync:error=EIO:when=${nth}`,
        `inject=fdatasync:error=EIO:when=${nth}+`,
        `inject=fdatasync:error=ENOSPC:when=${nth}`,
        `inject=fdatasync:error=ENOSPC:when=${nth}+`,
        `inject=fdatasync:signal=SIGKILL:when=${nth}`,
      ]),
    );
  });
});
