import { spawn } from 'node:child_process';
import { canceled, SlipwayError, throwIfAborted, wrapError } from '@slipway/plugin-api';

export interface CommandResult {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

export interface RunLimits {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds. Tools of the packet filter wait for each other, but never this long. */
  readonly timeoutMs?: number | undefined;
}

const maxOutput = 64 << 20;

/**
 * Runs a program of the host to its end, whatever its exit code. Errors: `failed-precondition` when it is not installed, `unavailable` when it does not end in time, `canceled`; it is
 * killed then.
 */
export async function run(
  program: string,
  args: readonly string[],
  input = '',
  { signal, timeoutMs = 60_000 }: RunLimits = {},
): Promise<CommandResult> {
  throwIfAborted(`run "${program}"`, signal);
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
    // Whatever it has started may keep its output open: nobody waits for that. But it ends the system call first that it is in, and so what it does to the host.
    const giveUp = (error: SlipwayError): void => {
      child.kill('SIGKILL');
      for (const stream of child.stdio) stream?.destroy();
      end();
      if (child.exitCode !== null || child.signalCode !== null) reject(error);
      else child.once('exit', () => reject(error));
    };
    const timer = setTimeout(() => giveUp(late(program, args, timeoutMs)), timeoutMs);
    const abort = (): void => {
      if (signal !== undefined) giveUp(canceled(`run "${program}"`, signal));
    };
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    signal?.addEventListener('abort', abort, { once: true });
    child.once('error', (error) => {
      end();
      reject(notRun(program, error));
    });
    child.once('close', (code) => {
      end();
      resolve({ code, output: Buffer.concat(output).toString(), errors: Buffer.concat(errors).toString().trim() });
    });
    child.stdin.end(input);
  });
}

const packages: Readonly<Record<string, string>> = { ip: 'iproute2', iptables: 'iptables', nft: 'nftables' };

const late = (program: string, args: readonly string[], timeoutMs: number): SlipwayError =>
  new SlipwayError({
    kind: 'unavailable',
    code: 'NETWORK_TOOL_LATE',
    message: `run "${program}": it did not end within ${timeoutMs / 1000} s, and was killed`,
    hint: `see what it waits for: ${[program, ...args].join(' ').slice(0, 200)}`,
    details: { program, timeoutMs },
  });

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
