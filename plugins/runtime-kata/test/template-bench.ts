import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostMounts } from '@slipway/cgroups';
import { cloudKernel } from '@slipway/machine';
import type { CreateRequest, LayersMount, Runtime } from '@slipway/plugin-api';
import { openPlugin, type Subject } from '@slipway/plugin-testkit';
import { plugin } from '@slipway/runtime-kata';
import { busyboxTree } from './busybox-tree.ts';
import { cacheFolder, imageOf, layersOf } from './layers.ts';
import { type Ended, outcome } from './outcome.ts';

export interface Outcome extends Ended {
  /** Its machine began as a copy. */
  readonly cloned: boolean;
  /** From the request until its end was known. */
  readonly ms: number;
}

/** Containers of busybox, whose machines may begin as copies of a template. */
export class TemplateBench implements AsyncDisposable {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-kata-template-'));
  readonly templates = path.join(this.folder, 'state/templates');
  private readonly base: LayersMount['lower'];
  private readonly subjects: Subject<Runtime>[] = [];
  readonly warnings: string[] = [];
  private count = 0;

  constructor() {
    const applets = ['sh', 'cat', 'date', 'sleep', 'head', 'md5sum', 'true'];
    const tree = busyboxTree(path.join(this.folder, 'tree'), applets);
    this.base = [imageOf(tree, path.join(this.folder, 'tree.erofs'))];
  }

  async open(config: Record<string, unknown> = {}): Promise<Runtime> {
    const subject = await openPlugin(plugin, {
      dirs: { root: path.join(cacheFolder, 'plugin'), state: path.join(this.folder, 'state') },
      config: { ...cloudKernel(), accel: 'tcg', memory: 128, boot_limit: 120, template: true, ...config },
      log: { debug() {}, info() {}, warn: (message: string) => this.warnings.push(message), error() {} },
    });
    this.subjects.push(subject);
    return subject.instance;
  }

  /** So many layers with a file each, and below them busybox. */
  layers(count: number): LayersMount {
    const empty = path.join(this.folder, 'empty');
    mkdirSync(empty, { recursive: true });
    const { upper } = layersOf(empty, mkdtempSync(path.join(this.folder, 'upper-')));
    const above = Array.from({ length: count }, (_, index) => {
      const source = path.join(this.folder, `layer${index}.erofs`);
      const tree = path.join(this.folder, `layer${index}`);
      if (readdirSync(this.folder).includes(`layer${index}.erofs`)) return { kind: 'erofs', source } as const;
      mkdirSync(tree);
      writeFileSync(path.join(tree, `f${index}`), `${index}\n`);
      return imageOf(tree, source);
    });
    return { kind: 'layers', lower: [...above, ...this.base], ...(upper === undefined ? {} : { upper }) };
  }

  request(script: string, rootfs: LayersMount): CreateRequest {
    this.count += 1;
    const id = `kata-${path.basename(this.folder).slice(-6)}-${this.count}`;
    const bundle = path.join(this.folder, id);
    mkdirSync(bundle);
    const spec = {
      ociVersion: '1.0.2',
      root: { path: 'rootfs' },
      process: { user: { uid: 0, gid: 0 }, args: ['sh', '-c', script], env: ['PATH=/bin'], cwd: '/' },
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' },
        { destination: '/dev', type: 'tmpfs', source: 'tmpfs' },
      ],
      linux: {
        namespaces: ['pid', 'ipc', 'uts', 'mount', 'network'].map((type) => ({ type })),
        cgroupsPath: `/${path.basename(this.folder)}/${id}`,
      },
    };
    writeFileSync(path.join(bundle, 'config.json'), JSON.stringify(spec));
    return {
      id,
      bundle,
      rootfs: [rootfs],
      stdio: { stdin: 'null', stdout: 'pipe', stderr: 'pipe' },
      dieWithParent: true,
      keepOpen: [],
    };
  }

  async run(runtime: Runtime, script: string, rootfs = this.layers(0)): Promise<Outcome> {
    const request = this.request(script, rootfs);
    const begin = performance.now();
    const container = await runtime.create(request);
    const cloned = this.isClone(container.id);
    await container.start();
    const ended = await outcome(container);
    const ms = performance.now() - begin;
    await runtime.delete(container.id);
    return { ...ended, cloned, ms };
  }

  qemuOf(id: string): number {
    const list = readFileSync(path.join(this.folder, 'state/tool', id, 'processes'), 'utf8');
    return Number([...list.matchAll(/^qemu (\d+) /gm)].at(-1)?.[1]);
  }

  isClone(id: string): boolean {
    return readFileSync(`/proc/${this.qemuOf(id)}/cmdline`, 'utf8').includes('-incoming\0defer');
  }

  /** Names of those that are made. */
  made(): readonly string[] {
    try {
      return readdirSync(this.templates).filter((name) => existsSync(path.join(this.templates, name, 'state')));
    } catch {
      return [];
    }
  }

  async until(met: () => boolean): Promise<void> {
    for (const end = Date.now() + 100_000; !met(); await sleep(20))
      if (Date.now() > end) throw new Error('it does not come to that');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.until(() => !busy(this.templates));
    for (const subject of this.subjects) await subject[Symbol.asyncDispose]();
    for (const { mountPoint } of hostMounts()) {
      const above = path.join(mountPoint, path.basename(this.folder));
      if (existsSync(above)) rmdirSync(above);
    }
    rmSync(this.folder, { recursive: true });
  }
}

/** A machine is being made into a template there. */
function busy(folder: string): boolean {
  try {
    return execFileSync('pgrep', ['-f', `probe ${folder}`]).length > 0;
  } catch {
    return false;
  }
}
