import cliProgress from "cli-progress";

/** Tells whoever waits how far the run is. Writes to standard error. */
export interface Progress {
  /** One more step is done; `label` is what comes now. */
  step(label: string): void;
  /** What comes now, without a step. */
  label(text: string): void;
  /** Ends the display. */
  stop(): void;
}

/** A bar on a terminal; elsewhere one line for each new piece of work. */
export function startProgress(totalSteps: number, stream: NodeJS.WriteStream = process.stderr): Progress {
  return stream.isTTY ? bar(totalSteps, stream) : lines(stream);
}

function bar(totalSteps: number, stream: NodeJS.WriteStream): Progress {
  const single = new cliProgress.SingleBar({
    stream,
    clearOnComplete: true,
    hideCursor: true,
    format: (options, params, payload: { label?: string }) =>
      `${cliProgress.Format.BarFormat(params.progress, options)} ${Math.floor(params.progress * 100)} % ${payload.label ?? ""}`,
  });
  const stop = (): void => {
    single.stop();
    process.off("exit", stop);
  };
  process.once("exit", stop); // the cursor comes back, however the process ends
  single.start(totalSteps, 0, { label: "" });
  return {
    step: (label) => {
      single.increment(1, { label });
    },
    label: (text) => {
      single.update({ label: text });
    },
    stop,
  };
}

/** Steps of the same work, told apart only by what stands behind the first colon, make one line. */
function lines(stream: NodeJS.WritableStream): Progress {
  let last = "";
  const write = (label: string): void => {
    const work = label.split(":")[0] ?? label;
    if (work !== last) stream.write(`… ${work}\n`);
    last = work;
  };
  return { step: write, label: write, stop: () => undefined };
}
