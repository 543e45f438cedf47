import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { linux } from '@slipway/linux';
import { keepThreads } from '../kept-threads.ts';
import { Board } from './board.ts';
import { bundleName } from './bundle-name.ts';
import { fileCalls, handleCalls, systemCalls } from './calls.ts';
import type { FaultKind, Site } from './fault.ts';
import { siteOf } from './site.ts';

// Loaded by `node --import` into every thread of the process under test: puts itself between our code and node:fs, and
// behind packages/linux. What to do is on the board.
const board = Board.ofProcess();
const tracePath = process.env['SLIPWAY_E2E_FAULTS_TRACE'] ?? '';
const { appendFileSync, existsSync, writeFileSync, writeSync } = fs;

type Call = (...args: unknown[]) => unknown;
type Calls = Record<string, Call>;
type Faults = (typeof fileCalls)[string];

/** How a form of a function tells its failure, and what it answers of a write. */
interface Form {
  /** A file is written whole, by its name or descriptor: a disk that is full in the middle leaves its beginning there. */
  readonly leavesHalf: boolean;
  fail(error: Error, args: readonly unknown[]): unknown;
  /** Carries out a write of a part of the bytes. */
  writePart(call: Call, self: unknown, args: readonly unknown[]): unknown;
}

const known = new Set<string>();
let knownRound = 0;

/** A file that is appended to from all threads, one line of JSON for each site. */
function writeDown(site: Site, round: number): void {
  if (round !== knownRound) known.clear();
  knownRound = round;
  if (known.has(site.name)) return;
  known.add(site.name);
  appendFileSync(tracePath, `${JSON.stringify(site)}\n`);
}

function wrap(calls: Calls, name: string, faults: Faults, form: Form): void {
  const call = calls[name];
  if (call === undefined) return;
  const wrapper = function (this: unknown, ...args: unknown[]): unknown {
    if (!board.concerns(name)) return Reflect.apply(call, this, args);
    const possible = faults(args);
    const site = possible.length === 0 ? undefined : siteOf(name, wrapper);
    if (site === undefined) return Reflect.apply(call, this, args);
    const round = board.recording;
    if (round !== undefined) writeDown({ name: site, faults: possible }, round);
    const kind = board.take(site);
    if (kind === undefined) return Reflect.apply(call, this, args);
    if (kind === 'short') return form.writePart(call, this, args);
    if (form.leavesHalf && kind !== 'EMFILE' && /^(write|append)File/.test(name)) writeHalf(args);
    return form.fail(systemError(kind, name, args), args);
  };
  // What else hangs on it, as the promisified form does.
  Object.defineProperties(wrapper, Object.getOwnPropertyDescriptors(call));
  calls[name] = wrapper;
}

function writeHalf([target, data]: readonly unknown[]): void {
  if (typeof target !== 'number' && typeof target !== 'string') return;
  const bytes = typeof data === 'string' ? Buffer.from(data) : (data as Uint8Array);
  const half = bytes.subarray(0, bytes.length >> 1);
  if (typeof target === 'number') writeSync(target, half);
  else writeFileSync(target, half);
}

const numbers: Readonly<Record<Exclude<FaultKind, 'short'>, readonly [number, string]>> = {
  ENOSPC: [28, 'no space left on device'],
  EIO: [5, 'i/o error'],
  EMFILE: [24, 'too many open files'],
};

/** As node:fs and packages/linux make them. */
function systemError(code: Exclude<FaultKind, 'short'>, syscall: string, [target]: readonly unknown[]): Error {
  const [errno, text] = numbers[code];
  const where = typeof target === 'string' || Buffer.isBuffer(target) ? { path: String(target) } : {};
  const message = `${code}: ${text}, ${syscall}${where.path === undefined ? '' : ` '${where.path}'`}`;
  return Object.assign(new Error(message), { code, errno: -errno, syscall, ...where });
}

/** The arguments of a write of the first half of the bytes: (fd, buffer, offset?, length?, position?) or (fd, text). */
function half([data, offset, length, position]: readonly unknown[]): unknown[] {
  const bytes = typeof data === 'string' ? Buffer.from(data) : (data as Uint8Array);
  const from = typeof offset === 'number' && typeof data !== 'string' ? offset : 0;
  const count = typeof length === 'number' ? length : bytes.length - from;
  return [bytes, from, Math.max(1, count >> 1), typeof position === 'number' ? position : null];
}

const throwing: Form = {
  leavesHalf: true,
  fail: (error) => {
    throw error;
  },
  writePart: (call, self, [fd, ...rest]) => Reflect.apply(call, self, [fd, ...half(rest)]),
};

const callingBack: Form = {
  leavesHalf: true,
  fail: (error, args) => {
    const back = args.at(-1) as (error: Error) => void;
    setImmediate(() => back(error));
  },
  writePart: (call, self, [fd, ...rest]) => Reflect.apply(call, self, [fd, ...half(rest.slice(0, -1)), rest.at(-1)]),
};

const rejecting: Form = {
  leavesHalf: true,
  fail: (error) => Promise.reject(error),
  writePart: (call, self, args) => Reflect.apply(call, self, half(args)),
};

const rejectingHandle: Form = { ...rejecting, leavesHalf: false };

const handle = await fs.promises.open('/dev/null', 'r');
const handlePrototype = Object.getPrototypeOf(handle) as Calls;
await handle.close();

for (const [name, faults] of Object.entries(fileCalls)) {
  wrap(fs as unknown as Calls, `${name}Sync`, faults, throwing);
  wrap(fs as unknown as Calls, name, faults, callingBack);
  wrap(fs.promises as unknown as Calls, name, faults, rejecting);
}
for (const [name, faults] of Object.entries(handleCalls)) wrap(handlePrototype, name, faults, rejectingHandle);
for (const [name, faults] of Object.entries(systemCalls)) wrap(linux as unknown as Calls, name, faults, throwing);

/** With this preload in it, where one was made. */
function bundleOf(file: string): string | undefined {
  const worker = /(?:packages|plugins)\/[^/]+\/dist\/[^/]+$/.exec(file)?.[0];
  const bundle = path.join(process.env['SLIPWAY_E2E_FAULTS_WORKERS'] ?? '', bundleName(worker ?? ''));
  return worker !== undefined && existsSync(bundle) ? bundle : undefined;
}

// Ours are started without the flags and the environment of the process; this one they must have.
keepThreads((file, options) => {
  const env = options.env === undefined || typeof options.env === 'symbol' ? process.env : options.env;
  const bundle = bundleOf(String(file));
  const more = { SLIPWAY_E2E_FAULTS_TRACE: tracePath, NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] };
  return [
    bundle ?? file,
    { ...options, execArgv: bundle === undefined ? ['--import', import.meta.url] : [], env: { ...env, ...more } },
  ];
});
syncBuiltinESMExports();
