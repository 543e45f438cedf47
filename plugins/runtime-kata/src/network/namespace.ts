import { execFile } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { type CreateRequest, canceled, hasCode, SlipwayError } from '@slipway/plugin-api';

const limitMs = 10_000;
const maxOutputBytes = 16 * 1024 * 1024;

/** A network namespace, as long as it is open here. */
export class NetworkNamespace implements Disposable {
  readonly #fd: number;

  /** `path`: as config.json says it; what is to be attached there is not yet to be seen here. */
  constructor(path: string, attachments: CreateRequest['attachments'] = []) {
    const tree = attachments.find(({ directory }) => directory === path);
    this.#fd = openSync(tree === undefined ? path : `/proc/self/fd/${tree.fd}`, constants.O_RDONLY);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  /** Processes of this host that are in it. */
  processes(): readonly number[] {
    const own = `net:[${fstatSync(this.#fd).ino}]`;
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && networkOf(name) === own)
      .map(Number);
  }

  /** What a program prints in it. Errors: `failed-precondition` when it is missing or refuses. */
  run(program: 'ip' | 'tc' | 'sh', args: readonly string[], { input = '', signal }: RunOptions = {}): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const inside = [`--net=/proc/${process.pid}/fd/${this.#fd}`, program, ...args];
    // The programs are in folders that only root's search path has.
    const env = { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: 'C' };
    const options = { env, timeout: limitMs, killSignal: 'SIGKILL', maxBuffer: maxOutputBytes, signal } as const;
    const child = execFile('nsenter', inside, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (signal?.aborted === true) reject(canceled('lead the network into the machine', signal));
      else reject(failed([program, ...args], (stderr.trim() || error.message).replaceAll(/\s+/g, ' ').slice(0, 1000)));
    });
    // It may end before it has read what it is told.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    return promise;
  }
}

export interface RunOptions {
  readonly input?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Undefined for what has ended meanwhile. */
function networkOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH', 'EACCES')) return undefined;
    throw error;
  }
}

function failed(command: readonly string[], why: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'MACHINE_NETWORK_FAILED',
    message: `${JSON.stringify(command.join(' '))} in the network namespace of the container: ${why}`,
    hint: 'install iproute2; its tap devices need /dev/net/tun (modprobe tun), what leads to them cls_u32 and act_mirred of the kernel',
  });
}
