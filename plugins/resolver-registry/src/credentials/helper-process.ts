import { spawn } from 'node:child_process';
import { quote } from '@slipway/oci';
import { canceled, hasCode, SlipwayError, throwIfAborted, wrapError } from '@slipway/plugin-api';

export interface HelperCall {
  readonly program: string;
  readonly verb: string;
  /** Given on stdin. */
  readonly input: string;
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

export interface HelperAnswer {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  /** Its beginning. */
  readonly stderr: string;
}

const maxAnswer = 64 * 1024;
const maxComplaint = 4 * 1024;
/** Milliseconds. */
const afterExit = 500;

/**
 * Runs a credential helper, without a shell. It has a process group of its own, which is killed as a whole when it takes
 * too long, answers without end, or the signal is aborted.
 */
export async function runHelper(call: HelperCall): Promise<HelperAnswer> {
  const { program, verb, input, timeout, signal } = call;
  const what = `running ${quote(program)}`;
  throwIfAborted(what, signal);
  return new Promise((resolve, reject) => {
    const child = spawn(program, [verb], { cwd: '/', detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let [answered, complained, isOver] = [0, 0, false];

    const end = (settle: () => void): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
      settle();
    };
    const giveUp = (error: SlipwayError): void =>
      end(() => {
        if (child.exitCode === null && child.signalCode === null) killGroup(child.pid);
        reject(error);
      });
    const finish = (code: number | null): void =>
      end(() => resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }));
    const abort = (): void => giveUp(canceled(what, signal));
    const timer = setTimeout(() => giveUp(tooSlow(what, timeout)), timeout);
    signal?.addEventListener('abort', abort, { once: true });

    child.stdout.on('data', (chunk: Buffer) => {
      answered += chunk.length;
      if (answered > maxAnswer) giveUp(tooLong(what));
      else stdout.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (complained < maxComplaint) stderr.push(chunk.subarray(0, maxComplaint - complained));
      complained += chunk.length;
    });
    // It need not read what it is told.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.once('error', (error) => end(() => reject(notStarted(program, what, error))));
    child.once('close', finish);
    // An agent that it has started may keep its output open for ever; what it has said itself is here soon.
    child.once('exit', (code) => void setTimeout(finish, afterExit, code).unref());
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

function tooSlow(what: string, timeout: number): SlipwayError {
  return new SlipwayError({
    kind: 'unavailable',
    code: 'REGISTRY_HELPER_TIMEOUT',
    message: `${what}: it did not answer within ${timeout / 1000} s`,
    hint: 'try it by hand; perhaps it waits for somebody to unlock its store',
  });
}

function tooLong(what: string): SlipwayError {
  return new SlipwayError({
    kind: 'resource-exhausted',
    code: 'REGISTRY_HELPER_FAILED',
    message: `${what}: it answered with more than ${maxAnswer} bytes`,
  });
}

function notStarted(program: string, what: string, error: Error): SlipwayError {
  if (!hasCode(error, 'ENOENT', 'EACCES')) return wrapError(what, error);
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'REGISTRY_HELPER_MISSING',
    message: `${what}: there is no such program in PATH`,
    hint: `install ${program}, or take it out of credHelpers and credsStore of the credentials file`,
    cause: error,
  });
}
