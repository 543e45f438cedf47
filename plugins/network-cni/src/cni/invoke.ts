import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { canceled, SlipwayError, throwIfAborted, wrapError } from '@slipway/plugin-api';
import * as v from 'valibot';
import { errorSchema } from './result.js';

export type CniCommand = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION';

export interface Invocation {
  readonly command: CniCommand;
  /** The plugin's program. */
  readonly program: string;
  readonly folders: readonly string[];
  /** What it reads: its configuration for this call. */
  readonly input: Readonly<Record<string, unknown>>;
  readonly containerId?: string | undefined;
  /** Path of the namespace; for a namespace that has gone there is none. */
  readonly namespace?: string | undefined;
  readonly interface?: string | undefined;
  readonly args?: string | undefined;
  /** A descriptor that it inherits, and all that it starts: whoever waits for the lock on it waits for them, too. */
  readonly lock?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Some plugins ask others (dhcp), and none takes this long for anything that comes out right. */
const timeoutMs = 60_000;
const maxOutput = 1 << 20;
const maxErrors = 1 << 16;

/** Runs a plugin once. What it printed on its standard output, parsed; undefined when that is nothing. Errors: what the plugin said, with its code; `canceled`. */
export async function invoke(invocation: Invocation): Promise<unknown> {
  const { command, program, input, signal } = invocation;
  const what = `CNI plugin "${program}" ${command}`;
  throwIfAborted(what, signal);
  const child = spawn(program, [], {
    // A group of its own, so that what it starts (IPAM, iptables) can be killed with it.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', ...(invocation.lock === undefined ? [] : [invocation.lock])],
    env: environment(invocation),
  });
  let [isLate, isKilled] = [false, false];
  const kill = (): void => {
    isKilled = true;
    killGroup(child);
  };
  const timer = setTimeout(() => {
    isLate = true;
    kill();
  }, timeoutMs);
  signal?.addEventListener('abort', kill);
  try {
    const ended = await finish(child, JSON.stringify(input), kill);
    if (isKilled) await groupEnded(child);
    if (signal?.aborted) throw canceled(what, signal);
    if (isLate) throw failed(what, 'unavailable', `it did not end within ${timeoutMs / 1000} s`, ended);
    const answer = parse(ended.output);
    if (ended.code !== 0) throw refused(what, answer, ended);
    if (answer === notJson) throw failed(what, 'internal', 'it answered what is no JSON', ended);
    return answer;
  } catch (error) {
    throw wrapError(what, error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', kill);
  }
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly errors: string;
}

/** Until nobody has its standard output and error any more: what it has started has ended, too. */
function finish(child: ChildProcess, input: string, kill: () => void): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const [output, errors]: [Buffer[], Buffer[]] = [[], []];
    let [size, errorSize] = [0, 0];
    child.stdout?.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxOutput) kill();
      else output.push(chunk);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      if (errorSize < maxErrors) errors.push(chunk);
      errorSize += chunk.length;
    });
    // One that ends without reading is told by how it ends.
    child.stdin?.on('error', () => undefined);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      resolve({
        code,
        signal,
        output: Buffer.concat(output).toString(),
        errors: Buffer.concat(errors).toString().slice(0, maxErrors),
      });
    });
    child.stdin?.end(input);
  });
}

/** Milliseconds. Whoever is killed carries out the system call that he is in. */
const endsWithinMs = 5000;

/** What is taken back before all have ended may be made after it: an address, by an IPAM plugin whose caller is gone. */
async function groupEnded({ pid }: ChildProcess): Promise<void> {
  if (pid === undefined) return;
  for (const deadline = Date.now() + endsWithinMs; Date.now() < deadline; await sleep(5)) {
    try {
      process.kill(-pid, 0);
    } catch {
      return;
    }
  }
}

/** One that has left the group may have our pipes for as long as it likes: they are waited for no more. */
function killGroup({ pid, stdout, stderr }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of the group have ended.
  }
  stdout?.destroy();
  stderr?.destroy();
}

function environment({ command, folders, containerId, namespace, interface: name, args }: Invocation): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([key]) => !/^(CNI_|NODE_)/.test(key));
  const search = process.env['PATH'] ?? '';
  return {
    ...Object.fromEntries(inherited),
    // Where iptables is, which not every caller has in its search path.
    PATH: [search, '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'].filter((part) => part !== '').join(':'),
    CNI_COMMAND: command,
    CNI_PATH: folders.join(':'),
    ...(containerId === undefined ? {} : { CNI_CONTAINERID: containerId, CNI_NETNS: namespace ?? '', CNI_IFNAME: name ?? '' }),
    ...(args === undefined || args === '' ? {} : { CNI_ARGS: args }),
  };
}

const notJson = Symbol('not JSON');

function parse(output: string): unknown {
  if (output.trim() === '') return undefined;
  try {
    return JSON.parse(output) as unknown;
  } catch {
    return notJson;
  }
}

function refused(what: string, answer: unknown, ended: Ended): SlipwayError {
  const error = v.safeParse(errorSchema, answer);
  if (!error.success) {
    const how = ended.signal === null ? `ended with code ${ended.code}` : `was killed by ${ended.signal}`;
    return failed(what, 'internal', `it ${how}`, ended);
  }
  const { code, msg, details } = error.output;
  const said = [msg, details].filter((text) => text !== '').join('; ');
  return new SlipwayError({
    kind: kinds.get(code) ?? 'internal',
    code: 'CNI_PLUGIN_FAILED',
    message: `${what} failed with code ${code}: ${oneLine(said)}`,
    hint: ended.errors.trim() === '' ? undefined : `it printed: ${oneLine(ended.errors)}`,
    details: { program: what, code, message: said.slice(0, 4096), printed: ended.errors.slice(0, 4096) },
  });
}

/** Codes of the specification, section 5. */
const kinds: ReadonlyMap<number, 'failed-precondition' | 'unavailable' | 'invalid-argument'> = new Map([
  [1, 'failed-precondition'],
  [2, 'failed-precondition'],
  [3, 'failed-precondition'],
  [4, 'invalid-argument'],
  [7, 'invalid-argument'],
  [11, 'unavailable'],
  [50, 'unavailable'],
  [51, 'unavailable'],
]);

function failed(what: string, kind: 'unavailable' | 'internal', found: string, { output, errors }: Ended): SlipwayError {
  const printed = oneLine(`${output} ${errors}`);
  return new SlipwayError({
    kind,
    code: 'CNI_PLUGIN_FAILED',
    message: `${what}: ${found}`,
    hint: printed === '' ? undefined : `it printed: ${printed}`,
  });
}

function oneLine(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ');
  return line.length > 1000 ? `${line.slice(0, 1000)}...` : line;
}
