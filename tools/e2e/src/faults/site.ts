/** A frame in what we build: its path from the repository on, and the line. */
const own = /((?:packages|plugins)\/[^/]+\/dist\/[^:)]+:\d+)/;

/** Between a caller and a function of the callback form. */
const promisified = /node:internal\/util:|new Promise \(<anonymous>\)/;

/**
 * The place in our own code that called `wrapper`, and the place that called that. Undefined when somebody else called:
 * a library, or node itself, for which we do not answer.
 */
export function siteOf(call: string, wrapper: (...args: never[]) => unknown): string | undefined {
  const trace: { stack?: string } = {};
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 12;
  Error.captureStackTrace(trace, wrapper);
  Error.stackTraceLimit = stackTraceLimit;
  const frames = (trace.stack ?? '')
    .split('\n')
    .slice(1)
    .filter((frame) => !promisified.test(frame));
  const [first, ...others] = frames;
  const place = own.exec(first ?? '')?.[1];
  if (place === undefined) return undefined;
  const caller = others.map((frame) => own.exec(frame)?.[1]).find((found) => found !== undefined);
  return `${place} ${call}${caller === undefined ? '' : ` < ${caller}`}`;
}
