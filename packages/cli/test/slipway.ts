import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReadStream } from 'node:tty';
import { linux } from '@slipway/linux';

/** The command as people run it: bundled, it starts in two fifths of the processor time of the package's own modules. vitest.config.ts refuses one that is older than they are. */
export const launcher = path.join(import.meta.dirname, '../../../build/bin/slipway');

export interface Result {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** As text, for what is text. */
  readonly out: string;
  readonly err: string;
}

/** Root, state and temporary folders of one test file. */
export class Place implements Disposable {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'slipway-cli-'));
  readonly env: NodeJS.ProcessEnv = {
    PATH: process.env['PATH'],
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
    HOME: this.folder,
    SLIPWAY_ROOT: path.join(this.folder, 'root'),
    SLIPWAY_STATE: path.join(this.folder, 'state'),
    SLIPWAY_CONFIG: path.join(this.folder, 'config.toml'),
  };

  readonly #children: ChildProcess[] = [];

  /** Containers get no network of the host but in tests of networks. */
  constructor() {
    writeFileSync(this.file('config.toml'), 'version = 1\ndefault_network = "none"\n', { mode: 0o644 });
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  start(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const child = spawn(launcher, args, { env: this.env, ...options });
    this.#children.push(child);
    return child;
  }

  /** Stdin is what is given, or /dev/null. */
  async run(args: readonly string[], input?: string | Buffer, options: SpawnOptions = {}): Promise<Result> {
    const child = this.start(args, { stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'], ...options });
    child.stdin?.end(input);
    return finished(child);
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill('SIGKILL');
    endMonitors(this.folder);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Of containers that a test has left running: each ends its container and removes it. */
function endMonitors(folder: string): void {
  const isLeft = (pid: string): boolean => {
    try {
      const name = readFileSync(`/proc/${pid}/comm`, 'utf8');
      return (
        name === 'slipway-monitor\n' &&
        readlinkSync(`/proc/${pid}/cwd`).startsWith(folder) &&
        process.kill(Number(pid), 'SIGTERM')
      );
    } catch {
      return false;
    }
  };
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; ) {
    if (readdirSync('/proc').filter(isLeft).length === 0) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
}

export async function finished(child: ChildProcess): Promise<Result> {
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (...how) => resolve(how));
  });
  const [out, err] = [await stdout, await stderr];
  return { code, signal, stdout: out, stderr: err, out: out.toString(), err: err.toString() };
}

async function collect(stream: NodeJS.ReadableStream | null): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream ?? []) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

/** A command on a terminal of its own, which is its controlling terminal. */
export class Terminal implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  readonly #slave: number;
  readonly #screen: ReadStream;
  #shown = '';

  constructor(env: NodeJS.ProcessEnv, command: readonly string[], size = { columns: 100, rows: 30 }) {
    const { master, slave } = linux.openPty();
    linux.setTerminalSize(slave, size);
    this.#slave = slave;
    this.child = spawn('setsid', ['--ctty', '--wait', ...command], {
      env: { ...env, TERM: 'xterm' },
      stdio: [slave, slave, slave],
    });
    this.exit = new Promise((resolve) => this.child.once('exit', (code) => resolve(code)));
    this.#screen = new ReadStream(master);
    this.#screen.on('data', (chunk: Buffer) => {
      this.#shown += chunk.toString('latin1');
    });
    this.#screen.on('error', () => {});
  }

  get shown(): string {
    return this.#shown;
  }

  type(text: string): void {
    // A tty.ReadStream writes as well: it is a socket.
    this.#screen.write(text);
  }

  resize(size: { readonly columns: number; readonly rows: number }): void {
    linux.setTerminalSize(this.#slave, size);
  }

  /** As when the window is closed. */
  hangUp(): void {
    this.#screen.destroy();
  }

  /** The settings as `stty -g` prints them. */
  async settings(): Promise<string> {
    const { out } = await finished(spawn('stty', ['-g'], { stdio: [this.#slave, 'pipe', 'inherit'] }));
    return out.trim();
  }

  async sees(wanted: string | RegExp): Promise<string> {
    await until(
      () => (typeof wanted === 'string' ? this.#shown.includes(wanted) : wanted.test(this.#shown)),
      () => this.#shown,
    );
    return this.#shown;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exit;
    this.#screen.destroy();
    closeSync(this.#slave);
  }
}

/** Polls; fails with what `found` says when the test's own time is nearly over. */
export async function until(holds: () => boolean | Promise<boolean>, found: () => string = () => ''): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`never became true; found ${JSON.stringify(found())}`);
    await sleep(20);
  }
}
