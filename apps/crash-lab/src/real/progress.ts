/** One line on a terminal that is written over; where the output goes to a file, a line now and then. */
export interface Progress {
  show(text: string): void;
  /** Clears the line. */
  stop(): void;
}

/** Progress on stderr: a line that is written over on a terminal, elsewhere a line every 30 s. */
export function startProgress(): Progress {
  const { stderr } = process;
  const everyMs = stderr.isTTY ? 100 : 30_000;
  let last = performance.now() - (stderr.isTTY ? everyMs : 0);
  return {
    show: (text) => {
      if (performance.now() - last < everyMs) return;
      last = performance.now();
      stderr.write(stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`);
    },
    stop: () => {
      if (stderr.isTTY) stderr.write("\r\u001b[K");
    },
  };
}
