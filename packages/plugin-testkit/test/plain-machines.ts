import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Cgroup, readStats } from '@slipway/cgroups';
import { type Bundle, type ContainerFolder, type MachineTool, makeMountPoint, type PreparedMounts } from '@slipway/oci-runtime';
import { type CreateRequest, hasCode, type MachineState, type RuntimeFeatures, type RuntimeStats } from '@slipway/plugin-api';

const MiB = 1024 * 1024;

/**
 * What an {@link MachineTool} promises, by namespaces: containers are runc's, and nothing of them is told that could not be told of a machine. So laws of machines can be seen to hold, and to fail,
 * without the seconds that a machine takes.
 */
export class PlainMachines implements MachineTool {
  readonly accepts = ['bind'] as const;
  readonly createLimitMs = 60_000;

  async features(): Promise<RuntimeFeatures> {
    return {
      version: 'plain machines 1',
      isolation: 'vm',
      machine: { accel: 'tcg', hardware: false, reason: 'there is no machine' },
      seccomp: true,
      pause: true,
      exec: true,
      update: true,
    };
  }

  async prepare(request: CreateRequest, bundle: Bundle, folder: ContainerFolder): Promise<PreparedMounts> {
    const [root] = request.rootfs;
    if (root?.kind === 'bind') {
      const spec = { ...bundle.spec, root: { path: root.source } };
      writeFileSync(path.join(bundle.directory, 'config.json'), JSON.stringify(spec));
    }
    const limit = bundle.spec.linux?.['resources'] as { readonly memory?: { readonly limit?: number } } | undefined;
    const memoryMiB = (limit?.memory?.limit ?? 256 * MiB) / MiB + 96;
    writeFileSync(machineFile(folder), JSON.stringify({ accel: 'tcg', hardware: false, memoryMiB, cpus: 1 }));
    const mounts = request.attachments ?? [];
    for (const mount of mounts) makeMountPoint(mount);
    return { mounts, [Symbol.dispose]() {} };
  }

  async created(): Promise<void> {}

  machineOf(folder: ContainerFolder): MachineState | undefined {
    try {
      return JSON.parse(readFileSync(machineFile(folder), 'utf8')) as MachineState;
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  prepareProcess(_: ContainerFolder, file: string): void {
    writeFileSync(`${file}.pb`, '');
  }

  prepareUpdate(_: ContainerFolder, file: string) {
    writeFileSync(`${file}.pb`, '');
    return { keep() {}, undo() {} };
  }

  async stats(folder: ContainerFolder): Promise<RuntimeStats> {
    return readStats(JSON.parse(readFileSync(folder.cgroup, 'utf8')) as Cgroup);
  }

  /** Those that nobody inside has begun. */
  standing(pids: readonly number[]): readonly number[] {
    return pids.filter((pid) => !pids.includes(parentOf(pid)));
  }
}

function machineFile({ directory }: ContainerFolder): string {
  return path.join(directory, 'machine.json');
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
