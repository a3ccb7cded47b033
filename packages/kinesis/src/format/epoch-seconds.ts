/**
 * The text of a time in seconds, as the original writes it: serde_json's text of an integer where the time is one that survives the
 * way through an i64, else its shortest text of a double.
 *
 * Not `JSON.stringify`: that writes 1e-6 as 0.000001, rounds the digits of whole numbers above 2^53 and writes all of them up to 1e21.
 *
 * @returns `null` for NaN and the infinities, which nobody can read back.
 */
export function epochSecondsText(seconds: number): string {
  if (!Number.isFinite(seconds)) return "null";
  // An i64 ends at 2^63 − 1, which as a double is 2^63: that one survives too, and so its text is one less than itself.
  if (Number.isInteger(seconds) && seconds >= -MAX_I64 && seconds <= MAX_I64) {
    return seconds === MAX_I64 ? "9223372036854775807" : BigInt(seconds).toString();
  }
  return shortestText(seconds);
}

const MAX_I64 = 2 ** 63;

/** Both choose the shortest digits that give the same double; they differ in where they put the point. */
function shortestText(value: number): string {
  const [mantissa = "", exponentText = ""] = value.toExponential().split("e");
  const exponent = Number(exponentText);
  if (exponent >= 16 || exponent < -5) return `${mantissa}e${exponent < 0 ? "-" : "+"}${Math.abs(exponent)}`;
  const negative = mantissa.startsWith("-") ? "-" : "";
  const digits = mantissa.replace(/[-.]/g, "");
  if (exponent < 0) return `${negative}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${negative}${whole}.${digits.slice(exponent + 1) || "0"}`;
}
