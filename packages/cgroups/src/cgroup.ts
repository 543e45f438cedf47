import path from 'node:path';
import { SlipwayError, wrapError } from '@slipway/plugin-api';
import { hostMounts } from './host.js';
import { readKernelFile } from './kernel-file.js';
import { type CgroupMount, type ProcessCgroup, parseProcCgroup } from './mountinfo.js';

/**
 * The directories of one control group: by controller on v1 (`memory`, `cpu`, `name=systemd`), and under the empty name that of the unified hierarchy, which is the only one
 * on v2. A runtime's `cgroup_paths` has the same form.
 */
export interface Cgroup {
  readonly directories: Readonly<Record<string, string>>;
}

/**
 * The cgroup that a process is in. One with a cgroup namespace of its own may have moved itself below the one that it was given.
 * Errors: `not-found` when there is no such process.
 */
export function cgroupOfProcess(pid: number, root = '/'): Cgroup {
  const what = `Reading the control group of process ${pid}`;
  try {
    const text = readKernelFile(path.join(root, 'proc', String(pid), 'cgroup'));
    if (text === undefined || text === '')
      throw new SlipwayError({ kind: 'not-found', code: 'PROCESS_NOT_FOUND', message: `${what}: there is no such process` });
    return { directories: locate(parseProcCgroup(text), hostMounts(root), root) };
  } catch (error) {
    throw wrapError(what, error);
  }
}

function locate(cgroups: readonly ProcessCgroup[], mounts: readonly CgroupMount[], root: string): Record<string, string> {
  const directories: Record<string, string> = Object.create(null);
  for (const mount of mounts) {
    const own = cgroups.find((cgroup) =>
      mount.unified ? cgroup.controllers.length === 0 : mount.controllers.some((name) => cgroup.controllers.includes(name)),
    );
    if (own === undefined) continue;
    const inside = path.posix.relative(mount.root, own.path);
    // What is mounted here is another part of the hierarchy.
    if (inside === '..' || inside.startsWith('../') || own.path.startsWith('/..')) continue;
    const directory = path.join(root, mount.mountPoint, inside);
    for (const name of mount.unified ? [''] : mount.controllers) directories[name] ??= directory;
  }
  return directories;
}

/** True when all that is known of it is on the unified hierarchy, or some controller is there. */
export function isUnified(cgroup: Cgroup): boolean {
  return Object.keys(cgroup.directories).every((name) => name === '');
}

/** Where a controller's files are; undefined where it is not mounted. */
export function directoryOf(cgroup: Cgroup, controller: string): string | undefined {
  return cgroup.directories[isUnified(cgroup) ? '' : controller];
}
