import { readFileSync } from 'node:fs';
import { type Places, placeAt } from './places.ts';

/** Before anything takes its place. */
const read = readFileSync;

/** A frame in what we build: its path from the repository on, and the line. */
const own = /((?:packages|plugins)\/[^/]+\/dist\/[^:)]+:\d+)/;

/** A frame in a thread's bundle. */
const bundled = /file:\/\/(\/[^:)]*\/fault-workers-[^:)]*)\.mjs:(\d+):(\d+)/;

const places = new Map<string, Places>();
const known = new Map<string, string | undefined>();

/** The place of a frame; undefined when it is not ours. */
function placeOf(frame: string): string | undefined {
  const [found, file = '', line = '', column = ''] = bundled.exec(frame) ?? [];
  if (found === undefined) return own.exec(frame)?.[1];
  if (!known.has(found)) {
    const of = places.get(file) ?? (JSON.parse(read(`${file}.json`, 'utf8')) as Places);
    places.set(file, of);
    known.set(found, own.exec(placeAt(of, Number(line), Number(column)) ?? '')?.[1]);
  }
  return known.get(found);
}

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
  const place = placeOf(first ?? '');
  if (place === undefined) return undefined;
  const caller = others.map(placeOf).find((found) => found !== undefined);
  return `${place} ${call}${caller === undefined ? '' : ` < ${caller}`}`;
}
