import { execFileSync, spawn } from 'node:child_process';
import type { Cgroup } from './cgroup.ts';

/** What one command cost, everything in its control group counted: the command, what it started, and the daemon that did the work. */
export interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakBytes: number;
}

const SAMPLE_MS = 25;
const OUTPUT_KEPT = 2000;

/** An environment that is the same for all: certificate bundles and Node options of the caller's would slow down only one of them. */
export const environment: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
};

/** Runs a command in the group and measures it. Rejects when it fails: a fast failure is no result. */
export async function measure(
  argv: readonly string[],
  cgroup: Cgroup,
  { sync = true }: { readonly sync?: boolean } = {},
): Promise<Cost & { readonly stdout: string }> {
  // What an earlier run left unwritten would be written during this one.
  if (sync) execFileSync('sync');
  const cpuBefore = cgroup.cpuMs();
  let peakBytes = 0;
  const sample = setInterval(() => {
    peakBytes = Math.max(peakBytes, cgroup.residentBytes());
  }, SAMPLE_MS);
  const start = performance.now();
  try {
    const stdout = await finished(cgroup.enter(argv));
    const wallMs = performance.now() - start;
    return { wallMs, cpuMs: cgroup.cpuMs() - cpuBefore, peakBytes, stdout };
  } finally {
    clearInterval(sample);
  }
}

function finished([command = '', ...args]: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-OUTPUT_KEPT);
    });
    child.once('error', reject);
    // Not `close`: a daemon may have inherited the pipes.
    child.once('exit', (status, signal) => {
      if (status === 0) resolve(stdout);
      else reject(new Error(`"${args.slice(3).join(' ')}" ended with ${signal ?? `status ${status}`}: ${stderr}`));
    });
  });
}
