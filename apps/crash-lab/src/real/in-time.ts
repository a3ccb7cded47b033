/**
 * What a promise answers, if it does within half a minute; else an error that says what hangs. What hangs is not ended by it, and everything
 * here that is asked has milliseconds of work.
 */
export async function inTime<T>(what: string, answer: Promise<T>, limitMs: number = LIMIT_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new HangError(`${what} has taken longer than ${limitMs / 1000} s`));
    }, limitMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Something has not come to an end. */
export class HangError extends Error {
  override readonly name = "HangError";
}

const LIMIT_MS = 30_000;
