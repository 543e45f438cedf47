import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { type CommandReport, type CommandRequest, planVariable, type StepPlan } from '../src/request.ts';
import type { Place } from './place.ts';

export interface Ended {
  readonly signal: NodeJS.Signals | null;
  readonly status: number | null;
  readonly stdout: string;
  /** What `command.ts` said; absent when it was killed before, and of the command line. */
  readonly report: CommandReport | undefined;
  readonly stderr: string;
}

export interface Command {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** For the environment of each process that is started: see vitest.config.ts. */
export const compileCache = { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] };

const build = path.resolve(import.meta.dirname, '../../../build');

/** A program of `src/`, where it imports what is bundled: see tools/test/src/bundled.ts. */
export const source = (name: string): string => path.join(build, 'e2e', name);

/** A process of its own on the place. */
export function startCommand(place: Place, request: Omit<CommandRequest, 'options'>, plan?: StepPlan): Command {
  return startProgram('command.ts', [JSON.stringify({ options: place.options, ...request })], plan);
}

interface ProgramOptions {
  /** With the packages as `tsc -b` makes them, for what looks into one. */
  readonly isApart?: boolean;
  /** Of Node itself. */
  readonly nodeArgs?: readonly string[];
  readonly limitMs?: number;
}

/** A program of `src/`. */
export function startProgram(
  name: string,
  args: readonly string[],
  plan?: StepPlan,
  { isApart = false, nodeArgs = [], limitMs }: ProgramOptions = {},
): Command {
  const file = isApart ? path.resolve(import.meta.dirname, '../src', name) : source(name);
  return start(process.execPath, [...nodeArgs, file, ...args], { PATH: process.env['PATH'] }, plan, limitMs);
}

/**
 * What a container's monitor starts where nobody else cleans up.
 * @param record of the operation that the container was run by
 * @param network a path that opens the namespace to be in
 */
export function runAfterEnd({ state }: Place, record: string, plan?: StepPlan, network = '/proc/self/ns/net'): Promise<Ended> {
  const folder = path.join(state, 'after-end');
  const [options = ''] = readdirSync(folder);
  const program = path.resolve(import.meta.dirname, '../../../packages/slipway/dist/after-end-main.js');
  const args = [`--net=${network}`, process.execPath, program, path.join(folder, options), record];
  return start('nsenter', args, { PATH: process.env['PATH'] }, plan).ended;
}

/** The `slipway` command on the place. */
export function runCli(place: Place, args: readonly string[], plan?: StepPlan): Promise<Ended> {
  return startCli(place, args, plan).ended;
}

export function startCli(place: Place, args: readonly string[], plan?: StepPlan): Command {
  return start(launcher, args, cliEnvironment(place), plan);
}

export const launcher = path.join(build, 'bin/slipway');

export function cliEnvironment({ folder, options: { config, root, state } }: Place): NodeJS.ProcessEnv {
  // This process' own Node first, which can load the preload.
  const PATH = `${path.dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;
  return { SLIPWAY_CONFIG: config, SLIPWAY_ROOT: root, SLIPWAY_STATE: state, HOME: folder, PATH };
}

function start(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  plan: StepPlan | undefined,
  limitMs = 300_000,
): Command {
  const preload =
    plan === undefined ? {} : { NODE_OPTIONS: `--import=${source('at-step.ts')}`, [planVariable]: JSON.stringify(plan) };
  const child = spawn(program, args, {
    env: { ...env, ...compileCache, ...preload },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A test that fails leaves no process behind.
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
  const end = new Promise<Pick<Ended, 'signal' | 'status'>>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status, signal) => resolve({ status, signal }));
  });
  const ended = Promise.all([end, text(child.stdout), text(child.stderr)]).then(([how, stdout, stderr]) => ({
    ...how,
    stdout,
    report: parsed(stdout),
    stderr,
  }));
  return { process: child, ended };
}

function parsed(stdout: string): CommandReport | undefined {
  try {
    return JSON.parse(stdout) as CommandReport;
  } catch {
    return undefined;
  }
}

export function runCommand(place: Place, request: Omit<CommandRequest, 'options'>, plan?: StepPlan): Promise<Ended> {
  return startCommand(place, request, plan).ended;
}

/** The names of the steps of a command in the order of their first occurrence, and how often each occurs. */
export async function traceSteps(place: Place, request: Omit<CommandRequest, 'options'>): Promise<Map<string, number>> {
  const trace = path.join(place.folder, 'trace');
  const ended = await runCommand(place, request, { trace });
  if (ended.report?.outcome !== 'done') throw new Error(`${request.action} failed: ${JSON.stringify(ended)}`);
  const counts = new Map<string, number>();
  const names = existsSync(trace) ? readFileSync(trace, 'utf8').split('\n').slice(0, -1) : [];
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  rmSync(trace, { force: true });
  return counts;
}
