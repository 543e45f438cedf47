import { spawn } from 'node:child_process';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { compileCache, launcher } from '../child.ts';

const ownPath = `${path.dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandLine {
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** What the command is started with, such as `setpriv`. */
  readonly through?: readonly string[] | undefined;
  /** Default: this process' own, with its Node first. */
  readonly path?: string | undefined;
}

/** The `slipway` command in a process of its own, as a user starts it. */
export async function cli(
  args: readonly string[],
  { env = {}, through = [], path: PATH = ownPath }: CommandLine = {},
): Promise<Ended> {
  const [program = '', ...rest] = [...through, launcher, ...args];
  const child = spawn(program, rest, {
    env: { PATH, HOME: '/root', ...compileCache, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const status = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { status: await status, stdout, stderr };
}

export interface Report {
  readonly kind: string;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: string;
}

/** The error that `--json` prints: the last line of stderr. */
export function reportOf({ status, stderr }: Ended): Report {
  const line = stderr.trimEnd().split('\n').at(-1) ?? '';
  try {
    return JSON.parse(line) as Report;
  } catch {
    throw new Error(`no error as JSON on stderr, status ${status}: ${stderr.slice(0, 2000)}`);
  }
}
