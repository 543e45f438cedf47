import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { driverOfPath, parseMountinfo, parseProcCgroup, pathInHierarchy } from '@slipway/cgroups';

const sweepLimitMs = 5_000;

/**
 * The cgroup directories that a runtime may make for a container: one for each mounted hierarchy. It removes them itself;
 * this is for one that was killed before it wrote down where they are. Those that exist already are somebody else's.
 */
export function cgroupsToCome(id: string, cgroupsPath: string): string[] {
  const own = parseProcCgroup(readFileSync('/proc/self/cgroup', 'utf8'));
  const found = new Set<string>();
  for (const { controllers, unified, root, mountPoint } of parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'))) {
    if (path.isAbsolute(cgroupsPath) || driverOfPath(cgroupsPath) === 'systemd') {
      found.add(path.join(mountPoint, pathInHierarchy(cgroupsPath)));
      continue;
    }
    const relativeTo = own.find((one) =>
      unified ? one.controllers.length === 0 : one.controllers.some((name) => controllers.includes(name)),
    )?.path;
    if (relativeTo === undefined) continue;
    const inside = path.relative(root, relativeTo);
    const base = path.join(mountPoint, inside.startsWith('..') ? '' : inside);
    found.add(path.join(base, cgroupsPath === '' ? id : cgroupsPath));
    // On the unified hierarchy runtimes make a sibling of their own cgroup: that one holds processes and can have no children.
    if (unified && base !== mountPoint) found.add(path.join(path.dirname(base), cgroupsPath === '' ? id : cgroupsPath));
  }
  return [...found].filter((directory) => !existsSync(directory));
}

/** Kills what is in the directories and removes them. True when all are gone. */
export async function removeCgroups(directories: readonly string[]): Promise<boolean> {
  const deadline = Date.now() + sweepLimitMs;
  let left = directories.filter((directory) => existsSync(directory));
  while (left.length > 0 && Date.now() < deadline) {
    for (const directory of left) removeCgroup(directory);
    left = left.filter((directory) => existsSync(directory));
    if (left.length > 0) await sleep(20);
  }
  return left.length === 0;
}

function removeCgroup(directory: string): void {
  attempt(() => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) removeCgroup(path.join(directory, entry.name));
    }
  });
  // A process that the runtime had frozen while it set its limits does not die before it is thawed.
  attempt(() => writeFileSync(path.join(directory, 'freezer.state'), 'THAWED', { flag: 'r+' }));
  attempt(() => writeFileSync(path.join(directory, 'cgroup.freeze'), '0', { flag: 'r+' }));
  attempt(() => {
    for (const pid of readFileSync(path.join(directory, 'cgroup.procs'), 'utf8').split('\n')) {
      if (Number(pid) > 1) attempt(() => process.kill(Number(pid), 'SIGKILL'));
    }
  });
  attempt(() => rmdirSync(directory));
}

/** What fails here has ended or is gone meanwhile, or is tried again until the time is over. */
function attempt(action: () => void): void {
  try {
    action();
  } catch {}
}
