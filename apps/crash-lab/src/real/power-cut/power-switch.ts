import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import { findTool } from "../machine.js";
import type { Workspace } from "../workspace.js";

/**
 * What a file system does when its power is cut, by FS_IOC_SHUTDOWN (EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN).
 *
 * - `lose`: what has not been written to the device is lost, as at a power cut.
 * - `keep-journal`: the journal is written first, and the data it does not hold is lost: names and sizes without contents.
 */
export type CutKind = "lose" | "keep-journal";

/** Cuts the power of file systems. */
export interface PowerSwitch {
  /**
   * Cuts it, and answers the moment before, in milliseconds of the machine's monotonic clock. Everything on that file system then fails with
   * EIO until it is mounted anew.
   */
  cut(directory: string, kind: CutKind): Promise<number>;
  close(): void;
}

/**
 * Starts a helper in perl or python3 that is there for the ioctl, since Node has none and nobody should have to compile anything.
 * It is started beforehand, so that the cut comes at once.
 */
export function openPowerSwitch(workspace: Workspace): PowerSwitch {
  const perl = findTool("perl");
  const python = findTool("python3");
  const helper = perl === undefined ? spawn(python ?? "python3", ["-u", "-c", PYTHON]) : spawn(perl, ["-e", PERL]);
  const answers = createInterface(helper.stdout);
  const gone = once(helper, "exit").then(() => "the helper has ended");
  const close = workspace.onEnd(() => helper.kill("SIGKILL"));
  return {
    cut: async (directory, kind) => {
      helper.stdin.write(`${FLAGS[kind]} ${directory}\n`);
      const answer: unknown = await Promise.race([once(answers, "line").then(([line]: unknown[]) => line), gone]);
      const atMs = Number(/^ok ([\d.]+)$/.exec(String(answer))?.[1]);
      if (!Number.isFinite(atMs)) throw new Error(`FS_IOC_SHUTDOWN on ${directory}: ${String(answer)}`);
      return atMs;
    },
    close: () => {
      close();
      helper.kill("SIGKILL");
    },
  };
}

/** EXT4_GOING_FLAGS_NOLOGFLUSH and EXT4_GOING_FLAGS_LOGFLUSH, the same in XFS: fs/ext4/ext4.h, fs/xfs/libxfs/xfs_fs.h. */
const FLAGS: Readonly<Record<CutKind, number>> = { lose: 2, "keep-journal": 1 };

/** _IOR('X', 125, __u32), the same on all architectures but alpha, mips, powerpc and sparc, where reading is another bit. */
const REQUEST = "0x8004587d";

const PERL = `use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);
$| = 1;
while (<STDIN>) {
  chomp; my ($flag, $path) = split / /, $_, 2;
  my $value = pack("L", $flag); my $answer;
  if (open(my $directory, "<", $path)) {
    my $at = 1000 * clock_gettime(CLOCK_MONOTONIC);
    $answer = defined ioctl($directory, ${REQUEST}, $value) ? sprintf("ok %.3f", $at) : "ioctl: $!";
  } else { $answer = "open: $!" }
  print "$answer\\n";
}`;

const PYTHON = `import fcntl, os, struct, sys, time
for line in sys.stdin:
    flag, path = line.rstrip("\\n").split(" ", 1)
    try:
        fd = os.open(path, os.O_RDONLY)
        at = time.monotonic()
        try: fcntl.ioctl(fd, ${REQUEST}, struct.pack("I", int(flag)))
        finally: os.close(fd)
        print("ok %.3f" % (1000 * at))
    except OSError as error:
        print(error)`;
