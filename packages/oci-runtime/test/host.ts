import 'reflect-metadata';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { findTool, OciRuntime } from '@slipway/oci-runtime';
import type { CreateRequest, ExitStatus, Logger, PluginDirs, Runtime, StdioRequest } from '@slipway/plugin-api';

export interface Options {
  readonly id?: string;
  readonly stdio?: Partial<StdioRequest>;
  readonly namespaces?: readonly string[];
  readonly uid?: number;
  readonly env?: readonly string[];
  readonly request?: Partial<CreateRequest>;
}

const log: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** A scratch folder with a busybox root file system and a runtime; and the measure of what must not be left behind. */
export class Host implements Disposable {
  readonly folder: string;
  readonly rootfs: string;
  readonly dirs: PluginDirs;
  readonly runtime: Runtime;
  /** Unique on this machine: cgroups and processes are looked for by it. */
  readonly prefix: string;
  /** Its own: runc makes it, and nobody else may remove it meanwhile. */
  readonly cgroupParent: string;
  #count = 0;

  /** With a folder: another process' view of the host that was made there. */
  constructor(options: { readonly binary?: string; readonly folder?: string } = {}) {
    this.folder = options.folder ?? mkdtempSync(path.join(os.tmpdir(), 'slipway-oci-'));
    this.prefix = path.basename(this.folder).replace('slipway-oci-', 't');
    this.cgroupParent = `slipway-test-${this.prefix}`;
    this.rootfs = path.join(this.folder, 'rootfs');
    this.dirs = { root: path.join(this.folder, 'root'), state: path.join(this.folder, 'state') };
    if (options.folder === undefined) makeFolders(this.rootfs, this.dirs);
    this.runtime = this.activate(options.binary);
  }

  /** One more runtime on the same folders, as another process would have. */
  activate(binary = 'runc', cgroup_driver?: 'cgroupfs' | 'systemd'): Runtime {
    const tool = findTool({ binary, cgroup_driver, plugin: 'runtime-runc' });
    if (tool === undefined) throw new Error(`${binary} was not found`);
    return new OciRuntime(tool, this.dirs, log);
  }

  bundle(args: readonly string[], options: Options = {}): string {
    const bundle = mkdtempSync(path.join(this.folder, 'bundle-'));
    const uid = options.uid ?? 0;
    const spec = {
      ociVersion: '1.0.2',
      root: { path: 'rootfs' },
      process: {
        terminal: options.stdio?.terminal !== undefined,
        user: { uid, gid: uid },
        args,
        env: ['PATH=/bin', ...(options.env ?? [])],
        cwd: '/',
        capabilities: { bounding: ['CAP_KILL'], effective: ['CAP_KILL'], permitted: ['CAP_KILL'] },
        noNewPrivileges: true,
      },
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' },
        { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=65536k'] },
        { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance', 'ptmxmode=0666', 'mode=0620'] },
      ],
      linux: {
        namespaces: (options.namespaces ?? ['pid', 'ipc', 'uts', 'mount']).map((type) => ({ type })),
        cgroupsPath: `/${this.cgroupParent}/${this.prefix}-${path.basename(bundle)}`,
        resources: { devices: [{ allow: false, access: 'rwm' }] },
      },
    };
    writeFileSync(path.join(bundle, 'config.json'), JSON.stringify(spec));
    return bundle;
  }

  request(args: readonly string[], options: Options = {}): CreateRequest {
    return {
      id: options.id ?? `${this.prefix}-${this.#count++}`,
      bundle: this.bundle(args, options),
      rootfs: [{ kind: 'bind', source: this.rootfs, readOnly: false }],
      stdio: { stdin: 'null', stdout: 'pipe', stderr: 'pipe', ...options.stdio },
      dieWithParent: true,
      keepOpen: [],
      ...options.request,
    };
  }

  create(args: readonly string[], options: Options = {}) {
    return this.runtime.create(this.request(args, options));
  }

  /** Create, start, collect, wait, delete. */
  async run(args: readonly string[], options: Options = {}): Promise<ExitStatus & { stdout: string; stderr: string }> {
    const container = await this.create(args, options);
    try {
      const output = Promise.all([text(container.stdout), text(container.stderr)]);
      await container.start();
      const status = await container.wait();
      const [stdout, stderr] = await output;
      return { ...status, stdout, stderr };
    } finally {
      await this.runtime.delete(container.id);
    }
  }

  /** What containers of this host have left on the machine. */
  leftovers(): Record<string, readonly string[]> {
    const state = (name: string) => list(path.join(this.dirs.state, name));
    return {
      processes: processes().filter((line) => line.includes(this.folder) || line.includes(`${this.prefix}-`)),
      mounts: readFileSync('/proc/self/mountinfo', 'utf8')
        .split('\n')
        .filter((line) => line.includes(this.folder)),
      cgroups: cgroupFolders(this.cgroupParent).flatMap((folder) =>
        list(folder).filter((name) => name.startsWith(`${this.prefix}-`)),
      ),
      containers: state('containers'),
      tool: state('tool'),
    };
  }

  [Symbol.dispose](): void {
    for (const folder of cgroupFolders(this.cgroupParent)) removeCgroup(folder);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function makeFolders(rootfs: string, dirs: PluginDirs): void {
  for (const folder of ['bin', 'proc', 'dev', 'tmp', 'etc']) mkdirSync(path.join(rootfs, folder), { recursive: true });
  copyFileSync('/bin/busybox', path.join(rootfs, 'bin/busybox'));
  for (const name of ['sh', 'true', 'cat', 'sleep', 'stty', 'dd', 'echo', 'ls', 'yes', 'head', 'printf'])
    symlinkSync('busybox', path.join(rootfs, 'bin', name));
  writeFileSync(path.join(rootfs, 'etc/plain'), 'no program\n', { mode: 0o644 });
  for (const folder of [dirs.root, dirs.state]) mkdirSync(folder, { mode: 0o700 });
}

export async function text(stream: Readable | undefined): Promise<string> {
  return stream === undefined ? '' : (await buffer(stream)).toString();
}

/** Command line, folder and cgroup of every other process: containers and tools are recognised by the paths and ids in them. */
function processes(): string[] {
  return (
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      // What is dead is reaped by whoever is its parent by now.
      .filter((pid) => !/^State:\s+Z/m.test(read(`/proc/${pid}/status`)))
      .map((pid) => `${pid} ${read(`/proc/${pid}/cmdline`)} ${link(`/proc/${pid}/cwd`)} ${read(`/proc/${pid}/cgroup`)}`)
  );
}

/** Of the unified hierarchy, or of each controller's and the unified one below. */
function cgroupFolders(name: string): string[] {
  return ['', ...list('/sys/fs/cgroup')].map((hierarchy) => path.join('/sys/fs/cgroup', hierarchy, name));
}

/** The kernel lets go of a child that was removed a moment later. */
function removeCgroup(folder: string): void {
  for (let tries = 0; existsSync(folder); tries++) {
    try {
      rmdirSync(folder);
    } catch (error) {
      if (tries === 200) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function link(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
