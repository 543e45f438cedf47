import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type {
  CreateRequest,
  ExecProcess,
  ExecRequest,
  ExitStatus,
  Runtime,
  RuntimeContainer,
  RuntimeFeatures,
  RuntimeProcess,
  RuntimeResources,
  StdioRequest,
} from '@slipway/plugin-api';
import { bytesOf } from './bytes.js';

export interface ContainerWish {
  readonly id?: string | undefined;
  readonly stdio?: Partial<StdioRequest> | undefined;
  readonly namespaces?: readonly string[] | undefined;
  readonly resources?: RuntimeResources | undefined;
  readonly request?: Partial<CreateRequest> | undefined;
}

export interface ExecWish {
  readonly process?: Partial<RuntimeProcess> | undefined;
  readonly stdio?: Partial<StdioRequest> | undefined;
  readonly request?: Partial<ExecRequest> | undefined;
}

export interface Outcome {
  readonly status: ExitStatus;
  readonly stdout: string;
  readonly stderr: string;
}

const applets = [
  'sh',
  'true',
  'cat',
  'sleep',
  'stty',
  'dd',
  'echo',
  'ls',
  'yes',
  'head',
  'tail',
  'touch',
  'id',
  'pwd',
  'ps',
  'test',
];
/** Milliseconds. What takes longer on a busy machine is a defect: with processes, and where two emulated machines have to boot for it. */
const patienceMs = { process: 20_000, vm: 90_000 } as const;
const hostPids = ['ipc', 'uts', 'mount'];
const ownNamespaces = ['pid', ...hostPids];

/** Bundles with a static busybox, on the root of a law; what is asked of the runtime about them. */
export class RuntimeBench {
  /** What containers have as their root. What one with a kernel of its own changes there need not be seen from here: {@link has} sees it. */
  readonly rootfs: string;
  /** In the names of all that is made here: processes, cgroups and mounts are found by it. */
  readonly prefix: string;
  readonly #ids = new Set<string>();

  /** On a root where another process has one already, it is the same. */
  constructor(
    readonly root: string,
    readonly runtime: Runtime,
    busybox: string,
    /** Of the runtime. */
    readonly features: Pick<RuntimeFeatures, 'isolation'>,
  ) {
    this.rootfs = join(root, 'rootfs');
    const name = join(root, 'prefix');
    if (!existsSync(name)) {
      for (const folder of ['bin', 'proc', 'dev', 'tmp', 'etc', 'mnt']) mkdirSync(join(this.rootfs, folder), { recursive: true });
      copyFileSync(busybox, join(this.rootfs, 'bin/busybox'));
      for (const applet of applets) symlinkSync('busybox', join(this.rootfs, 'bin', applet));
      writeFileSync(join(this.rootfs, 'etc/plain'), 'no program\n', { mode: 0o644 });
      writeFileSync(name, `laws${randomBytes(5).toString('hex')}`);
    }
    this.prefix = readFileSync(name, 'utf8');
  }

  /** What has a kernel of its own shares nothing with the host, the network neither. */
  get #ownNamespaces(): readonly string[] {
    return this.features.isolation === 'vm' ? [...ownNamespaces, 'network'] : ownNamespaces;
  }

  /**
   * Of a container that shares the host's process numbers: in a pid namespace the first process does not get signals that it has no handler for. Undefined where nothing is shared with the host.
   */
  get hostPids(): readonly string[] | undefined {
    return this.features.isolation === 'vm' ? undefined : hostPids;
  }

  /** Waits until something is true; fails with what is found when it has not become so after a time that only a defect needs. */
  async until(isTrue: () => boolean | Promise<boolean>, found: () => unknown): Promise<void> {
    const deadline = Date.now() + patienceMs[this.features.isolation];
    for (let pauseMs = 10; Date.now() < deadline; pauseMs = Math.min(pauseMs * 1.1, 100)) {
      if (await isTrue()) return;
      await setTimeout(pauseMs);
    }
    assert.fail(`it does not become so; found ${String(await found())}`);
  }

  /** Of many containers that would show the same, some: where each has a machine, one costs as much as a dozen others. */
  some<T>(many: readonly T[], some: readonly T[]): readonly T[] {
    return this.features.isolation === 'vm' ? some : many;
  }

  /** Those that were asked for here. */
  get ids(): readonly string[] {
    return [...this.#ids];
  }

  id(): string {
    const id = `${this.prefix}-${randomBytes(4).toString('hex')}`;
    this.#ids.add(id);
    return id;
  }

  /** Runs in a shell. */
  async create(script: string | readonly string[], wish: ContainerWish = {}): Promise<RuntimeContainer> {
    return await this.runtime.create(this.request(script, wish));
  }

  async started(script: string | readonly string[], wish: ContainerWish = {}): Promise<RuntimeContainer> {
    const container = await this.create(script, wish);
    await container.start();
    return container;
  }

  request(script: string | readonly string[], wish: ContainerWish = {}): CreateRequest {
    const id = wish.id ?? this.id();
    this.#ids.add(id);
    return {
      id,
      bundle: this.bundle(id, script, wish),
      rootfs: [{ kind: 'bind', source: this.rootfs, readOnly: false }],
      stdio: { stdin: 'null', stdout: 'null', stderr: 'null', ...wish.stdio },
      dieWithParent: false,
      keepOpen: [],
      ...wish.request,
    };
  }

  bundle(id: string, script: string | readonly string[], wish: ContainerWish = {}): string {
    const bundle = mkdtempSync(join(this.root, 'bundle-'));
    const spec = {
      ociVersion: '1.0.2',
      root: { path: 'rootfs' },
      process: this.process(script, { terminal: wish.stdio?.terminal !== undefined }),
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' },
        { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=65536k'] },
        { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance', 'ptmxmode=0666', 'mode=0620'] },
      ],
      linux: {
        namespaces: (wish.namespaces ?? this.#ownNamespaces).map((type) => ({ type })),
        cgroupsPath: `/${this.prefix}/${id}`,
        resources: { ...wish.resources, devices: [{ allow: false, access: 'rwm' }] },
      },
    };
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
    return bundle;
  }

  process(script: string | readonly string[], changes: Partial<RuntimeProcess> = {}): RuntimeProcess {
    return {
      user: { uid: 0, gid: 0 },
      args: typeof script === 'string' ? ['sh', '-c', script] : script,
      env: ['PATH=/bin'],
      cwd: '/',
      noNewPrivileges: true,
      ...changes,
    };
  }

  async exec(id: string, script: string | readonly string[], wish: ExecWish = {}): Promise<ExecProcess> {
    return await this.runtime.exec(id, {
      process: this.process(script, { terminal: wish.stdio?.terminal !== undefined, ...wish.process }),
      stdio: { stdin: 'null', stdout: 'pipe', stderr: 'pipe', ...wish.stdio },
      dieWithParent: true,
      ...wish.request,
    });
  }

  /** Execute, collect, wait. */
  async execute(id: string, script: string | readonly string[], wish: ExecWish = {}): Promise<Outcome> {
    await using made = await this.exec(id, script, wish);
    return await outcomeOf(made);
  }

  /** Whether a file is in /tmp of a container that runs: what has a kernel of its own is asked, and can execute. */
  async has(id: string, file: string): Promise<boolean> {
    if (this.features.isolation !== 'vm') return existsSync(join(this.rootfs, 'tmp', file));
    return (await this.execute(id, ['test', '-e', `/tmp/${file}`])).status.exitCode === 0;
  }

  /** Puts an empty file there. */
  async put(id: string, file: string): Promise<void> {
    if (this.features.isolation !== 'vm') writeFileSync(join(this.rootfs, 'tmp', file), '');
    else assert.equal((await this.execute(id, ['touch', `/tmp/${file}`])).status.exitCode, 0);
  }

  /** Create, start, collect, wait, delete. */
  async run(script: string | readonly string[], wish: ContainerWish = {}): Promise<Outcome> {
    const container = await this.create(script, { ...wish, stdio: { stdout: 'pipe', stderr: 'pipe', ...wish.stdio } });
    const outcome = outcomeOf(container);
    await container.start();
    const result = await outcome;
    await this.runtime.delete(container.id);
    return result;
  }
}

export async function outcomeOf(process: ExecProcess): Promise<Outcome> {
  const [stdout, stderr, status] = await Promise.all([bytesOf(process.stdout), bytesOf(process.stderr), process.wait()]);
  return { status, stdout: stdout.toString(), stderr: stderr.toString() };
}
