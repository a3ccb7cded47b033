/** A fault that strace injects into the system calls of one kind. */
export interface Fault {
  readonly syscall: string;
  /** An error number by name, or the signal that ends the process when it makes the call. */
  readonly effect: string;
  /** Which call of that kind, from 1, counted by thread. */
  readonly nth: number;
  /** That call and all that follow. */
  readonly forEver: boolean;
}

/**
 * The system calls with which the stores work, and what each is made to answer. Errors are those that its manual page names for a disk that
 * fails, is full, or is not ours. What libuv calls by one name here has another on other systems; only names that are met are swept.
 */
export const SWEPT: Readonly<Record<string, readonly string[]>> = {
  pwrite64: ["EIO", "ENOSPC", "SIGKILL"],
  fsync: ["EIO", "ENOSPC", "SIGKILL"],
  fdatasync: ["EIO", "ENOSPC", "SIGKILL"],
  openat: ["EIO", "ENOSPC", "EMFILE", "EACCES", "SIGKILL"],
  link: ["EIO", "ENOSPC", "EACCES", "SIGKILL"],
  linkat: ["EIO", "ENOSPC", "EACCES", "SIGKILL"],
  rename: ["EIO", "ENOSPC", "EACCES", "SIGKILL"],
  renameat2: ["EIO", "ENOSPC", "EACCES", "SIGKILL"],
  unlink: ["EIO", "EACCES", "SIGKILL"],
  unlinkat: ["EIO", "EACCES", "SIGKILL"],
  mkdir: ["EIO", "ENOSPC", "EACCES", "SIGKILL"],
  mkdirat: ["EIO", "ENOSPC", "EACCES", "SIGKILL"],
  ftruncate: ["EIO", "SIGKILL"],
  pread64: ["EIO", "SIGKILL"],
  getdents64: ["EIO", "SIGKILL"],
  statx: ["EIO", "EACCES", "SIGKILL"],
  fcntl: ["ENOLCK", "SIGKILL"],
  statfs: ["EIO"],
};

/** How strace is told. */
export function injection({ syscall, effect, nth, forEver }: Fault): string {
  const what = effect.startsWith("SIG") ? `signal=${effect}` : `error=${effect}`;
  return `inject=${syscall}:${what}:when=${nth}${forEver ? "+" : ""}`;
}

/** A fault in words, for a report. */
export function describeFault({ syscall, effect, nth, forEver }: Fault): string {
  return `${syscall} ${effect} at call ${nth}${forEver ? " and for ever" : ""}`;
}

/**
 * How often each kind of call is made, by the thread that makes it most often.
 *
 * @param trace - What `strace -f -o` has written: `PID  call(…`, with `<... call resumed>` for the second half of an interrupted line.
 */
export function countCalls(trace: string): ReadonlyMap<string, number> {
  const byThread = new Map<string, number>();
  for (const [, thread = "", syscall = ""] of trace.matchAll(/^(\d+)\s+([a-z]\w*)\(/gm)) {
    const name = `${thread} ${syscall}`;
    byThread.set(name, (byThread.get(name) ?? 0) + 1);
  }
  const counts = new Map<string, number>();
  for (const [name, count] of byThread) {
    const syscall = name.slice(name.indexOf(" ") + 1);
    counts.set(syscall, Math.max(counts.get(syscall) ?? 0, count));
  }
  return counts;
}

/** Every fault that a run which makes these calls can meet. */
export function faultsOf(calls: ReadonlyMap<string, number>): readonly Fault[] {
  return Object.entries(SWEPT).flatMap(([syscall, effects]) => {
    const numbers = Array.from({ length: calls.get(syscall) ?? 0 }, (_, index) => index + 1);
    return numbers.flatMap((nth) =>
      effects.flatMap((effect): readonly Fault[] => {
        const once = { syscall, effect, nth, forEver: false };
        return effect === "SIGKILL" ? [once] : [once, { ...once, forEver: true }];
      }),
    );
  });
}
