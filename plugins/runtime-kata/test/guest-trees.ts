import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { guestImage } from '@slipway/guest';
import { AgentService, encodeRequest, specMessage } from '@slipway/kata-agent';
import { applyLayer, createErofsImage } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { cloudKernel } from '@slipway/machine';
import type { LayerTree, RuntimeSpec } from '@slipway/plugin-api';
import { kernelArgs } from '../dist/kernel-args.js';
import { encodePlan, type PlanStep } from '../dist/plan.js';
import { qemuSteps } from '../dist/qemu/command-line.js';
import { type GuestStorage, rootDisks } from '../dist/root-disks.js';
import { cacheFolder, imageOf } from './layers.ts';
import { nobody, readAll, type ShimBench } from './shim-bench.ts';

const slots = 16;
const capabilities = ['CAP_DAC_READ_SEARCH', 'CAP_DAC_OVERRIDE', 'CAP_SYS_ADMIN'];

/** An object as the guest's kernel shows it. */
export interface Seen {
  readonly path: Buffer;
  /** With the type. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  readonly links: bigint;
  /** Of device and number. */
  readonly inode: string;
  readonly rdev: bigint;
  readonly size: number;
  /** Of a file. */
  readonly sha256: string;
  /** Of a short file; the target of a symbolic link. */
  readonly content: Buffer;
  readonly xattrs: readonly (readonly [name: string, value: Buffer])[];
}

/** Layers as EROFS images, each over those below it, and what a machine's kernel makes of them: one machine for all, an overlay mounted in it for each stack of layers. */
export class GuestTrees {
  readonly #bench: ShimBench;
  readonly #empty: string;
  readonly #images = new Map<Buffer, LayerTree>();
  readonly #stacks: (readonly LayerTree[])[] = [];

  constructor(bench: ShimBench) {
    this.#bench = bench;
    this.#empty = path.join(bench.base, 'empty.erofs');
    const fd = openSync(this.#empty, 'wx+');
    const root = { mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0, xattrs: [] };
    createErofsImage(fd, { form: 'flat', root }).finish();
    closeSync(fd);
  }

  /** Layers, lowest first. One that several stacks have at their bottom has one image. */
  async add(layers: readonly Buffer[]): Promise<void> {
    let stack: readonly LayerTree[] = [];
    for (const layer of layers) stack = [await this.#image(layer, stack), ...stack];
    this.#stacks.push(stack);
  }

  async #image(layer: Buffer, lower: readonly LayerTree[]): Promise<LayerTree> {
    const known = lower.length === 0 ? this.#images.get(layer) : undefined;
    if (known !== undefined) return known;
    const file = path.join(this.#bench.base, `layer${this.#stacks.length}-${lower.length}.erofs`);
    const tree = { format: 'erofs', path: file } as const;
    await applyLayer([layer], { ...tree, lower }, { system: linux });
    if (lower.length === 0) this.#images.set(layer, tree);
    return tree;
  }

  /** All stacks, in the order that they were added in. */
  async list(): Promise<readonly (readonly Seen[])[]> {
    const trees = this.#stacks.map((_, index) => `/trees/${index}`);
    const monitor = await this.#machine(['/list-trees', ...trees]);
    const [listing, errors, { exitCode }] = await Promise.all([readAll(monitor.stdout), readAll(monitor.stderr), monitor.exited]);
    if (exitCode !== 0 || errors !== '') throw new Error(`the lister ended with ${exitCode}: ${errors}`);
    const seen = new Map<string, Seen[]>(trees.map((tree) => [tree, []]));
    for (const line of listing.split('\n').filter((each) => each !== '')) {
      const fields = line.split(' ');
      seen.get(fields[0] ?? '')?.push(parse(fields.slice(1)));
    }
    return [...seen.values()];
  }

  async #machine(args: readonly string[]) {
    const { base, folder, id } = this.#bench;
    const guest = `/run/kata-containers/${id}`;
    const root = imageOf(this.#program(), path.join(base, 'root.erofs'));
    const files = [root.source, this.#empty, ...new Set(this.#stacks.flat().map((tree) => tree.path))];
    const lower = files.map((source) => ({ kind: 'erofs', source }) as const);
    const { disks, storages } = rootDisks(id, [{ kind: 'layers', lower }], slots);
    const mounted = (file: string) => `${guest}/layers/${files.indexOf(file)}`;
    const overlays = this.#stacks.map((stack, index): GuestStorage => {
      const directories = [...visible(stack), this.#empty].map(mounted);
      const options = [`lowerdir=${directories.join(':')}`];
      return { driver: 'overlayfs', source: 'none', fstype: 'overlay', options, mountPoint: `${guest}/trees/${index}` };
    });
    const request = encodeRequest(AgentService.method.createContainer, {
      containerId: id,
      execId: id,
      // Without the overlay of all, which is no stack.
      storages: [...storages.slice(0, -1), ...overlays].map((storage) => ({ ...storage, options: [...storage.options] })),
      OCI: specMessage(specOf(args, mounted(root.source), `${guest}/trees`)),
    });
    const image = await guestImage(path.join(cacheFolder, 'shim-images'), cloudKernel());
    const program = { binary: '/usr/bin/qemu-system-x86_64', machine: 'q35', firmware: '/usr/share/qemu/qboot.rom' };
    const [uid, gid] = nobody;
    const settings = {
      ...({ name: id, memoryMiB: 256, cpus: 1, accel: 'tcg', kernel: image.kernel, initrd: image.initrd, disks } as const),
      ...{ kernelArgs: kernelArgs('tcg', []), share: undefined, interfaces: [] },
      user: { uid: Number(uid), gid: Number(gid), groups: [] },
    };
    const steps: readonly PlanStep[] = [
      ['boot-limit', '300000'],
      ...qemuSteps(program, settings, folder),
      ['hello'],
      ['clock'],
      ['random'],
      ['call', request.service, request.method, request.payload],
    ];
    writeFileSync(path.join(folder, 'vm.plan'), encodePlan(steps), { mode: 0o600 });
    const monitor = await this.#bench.monitor({ stdout: 'pipe', stderr: 'pipe' });
    const pidFile = path.join(folder, 'pid');
    const create = this.#bench.args('create', '--bundle', folder, '--pid-file', pidFile, id);
    await monitor.create({ args: create, pidFile, limitMs: 330_000, terminal: undefined });
    await monitor.start();
    return monitor;
  }

  /** A tree with nothing but the lister, a static program. */
  #program(): string {
    const tree = path.join(this.#bench.base, 'tree');
    for (const name of ['dev', 'proc', 'trees']) mkdirSync(path.join(tree, name), { recursive: true });
    const compiler = existsSync('/usr/bin/musl-gcc') ? 'musl-gcc' : 'gcc';
    const source = path.join(import.meta.dirname, 'list-trees.c');
    execFileSync(compiler, ['-static', '-O2', '-Wall', '-Wextra', '-Werror', '-o', path.join(tree, 'list-trees'), source]);
    return tree;
  }
}

/** overlayfs does not heed the mark of an opaque root: what is below it is left out by whoever mounts. */
function visible(stack: readonly LayerTree[]): readonly string[] {
  const last = stack.findIndex(({ path: source }) => {
    const fd = linux.mountDetached([{ kind: 'erofs', source }]);
    try {
      return linux.lgetxattr(`/proc/self/fd/${fd}/.`, 'trusted.overlay.opaque')?.toString('latin1') === 'y';
    } finally {
      closeSync(fd);
    }
  });
  return (last === -1 ? stack : stack.slice(0, last + 1)).map((tree) => tree.path);
}

function specOf(args: readonly string[], root: string, trees: string): RuntimeSpec {
  return {
    ociVersion: '1.0.2',
    root: { path: root, readonly: true },
    process: {
      user: { uid: 0, gid: 0 },
      args,
      env: ['PATH=/'],
      cwd: '/',
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs' },
      { destination: '/trees', type: 'bind', source: trees, options: ['rbind', 'ro'] },
    ],
    linux: { namespaces: ['pid', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })), cgroupsPath: '/box' },
  };
}

const bytesOf = (field = ''): Buffer => Buffer.from(field.slice(1), 'hex');

function parse(fields: readonly string[]): Seen {
  const [name, mode = '', uid, gid, seconds = '', nanoseconds = '', links = '', device, inode, rdev = '', size, ...rest] = fields;
  const [sha256 = '', content, ...xattrs] = rest;
  return {
    path: bytesOf(name),
    mode: Number.parseInt(mode, 8),
    uid: Number(uid),
    gid: Number(gid),
    mtimeNs: BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds),
    links: BigInt(links),
    inode: `${device}:${inode}`,
    rdev: BigInt(rdev),
    size: Number(size),
    sha256,
    content: bytesOf(content),
    xattrs: xattrs.map((each) => {
      const [key, value] = each.split('=');
      return [bytesOf(key).toString('latin1'), bytesOf(value)] as const;
    }),
  };
}
