import { spawn } from 'node:child_process';
import { SlipwayError, wrapError } from '@slipway/plugin-api';

export interface CommandResult {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

const maxOutput = 64 << 20;

/** Runs a program of the host to its end, whatever its exit code. Errors: `failed-precondition` when it is not installed. */
export async function run(program: string, args: readonly string[], input = ''): Promise<CommandResult> {
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: 'C' },
  });
  return await new Promise((resolve, reject) => {
    const [output, errors]: [Buffer[], Buffer[]] = [[], []];
    let size = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxOutput) child.kill('SIGKILL');
      else output.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    child.stdin.on('error', () => undefined);
    child.once('error', (error) => reject(notRun(program, error)));
    child.once('close', (code) => {
      resolve({ code, output: Buffer.concat(output).toString(), errors: Buffer.concat(errors).toString().trim() });
    });
    child.stdin.end(input);
  });
}

const packages: Readonly<Record<string, string>> = { ip: 'iproute2', iptables: 'iptables', nft: 'nftables' };

function notRun(program: string, error: NodeJS.ErrnoException): SlipwayError {
  if (error.code !== 'ENOENT') return wrapError(`run "${program}"`, error);
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'NETWORK_TOOL_NOT_FOUND',
    message: `the program "${program}" is not installed`,
    hint: `install it (apt install ${packages[program] ?? program})`,
    cause: error,
  });
}
