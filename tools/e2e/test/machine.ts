import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';

/** Mounts that this process sees and that lie in, or are made of, one of the folders. */
export function leftInMounts(folders: readonly string[]): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => folders.some((folder) => line.includes(folder)))
    .map((line) => `mount ${line}`);
}

/**
 * Processes but this one that have to do with one of the folders: by their arguments, environment, working directory, descriptors or root.
 * Monitors work in a folder of the container; a container's root is an overlay or bind mount that is made of the snapshots.
 */
export function leftInProcesses(folders: readonly string[]): string[] {
  const mounts = mountNamespace(String(process.pid));
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return [];
    const what = traces(pid, mounts).find((text) => folders.some((folder) => text.includes(folder)));
    return what === undefined
      ? []
      : [`process ${pid} ${attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))} (${what.slice(0, 200)})`];
  });
}

function traces(pid: string, ownMounts: string): string[] {
  const at = `/proc/${pid}`;
  return [
    attempt(() => readFileSync(`${at}/cmdline`, 'utf8')),
    attempt(() => readFileSync(`${at}/environ`, 'utf8')),
    attempt(() => readlinkSync(`${at}/cwd`)),
    attempt(() => readlinkSync(`${at}/root`)),
    // In the mount namespace of this process its root is a folder by its path. The list costs as much as all the rest, and this is looked at thousands of times.
    mountNamespace(pid) === ownMounts ? '' : rootMount(attempt(() => readFileSync(`${at}/mountinfo`, 'utf8'))),
    ...descriptors(at),
  ];
}

function mountNamespace(pid: string): string {
  return attempt(() => readlinkSync(`/proc/${pid}/ns/mnt`));
}

/** Only that one: a mount namespace begins as a copy of the host's, with whatever other tests have mounted there. */
function rootMount(mountinfo: string): string {
  return mountinfo.split('\n').find((line) => line.split(' ')[4] === '/') ?? '';
}

function descriptors(at: string): string[] {
  try {
    return readdirSync(`${at}/fd`).map((fd) => attempt(() => readlinkSync(`${at}/fd/${fd}`)));
  } catch {
    return [];
  }
}

/** What cannot be read is gone. */
function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

export interface FoundMonitor {
  readonly pid: number;
  /** Where it works: of a container, or of a process that is executed in one. */
  readonly directory: string;
}

export function monitorsIn(folder: string): readonly FoundMonitor[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || attempt(() => readFileSync(`/proc/${name}/comm`, 'utf8')) !== 'slipway-monitor\n') return [];
    const directory = attempt(() => readlinkSync(`/proc/${name}/cwd`));
    return directory.startsWith(folder) ? [{ pid: Number(name), directory }] : [];
  });
}

/** Programs that monitors have started to clean up after their containers are there for a moment, and no remains: they find nothing to do where somebody else was first. */
export function awaitCleaners(folder: string): void {
  const isCleaner = (pid: string): boolean => {
    const words = attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    return words.includes('after-end-main.js') && words.includes(folder);
  };
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; ) {
    if (!readdirSync('/proc').some((name) => /^\d+$/.test(name) && isCleaner(name))) return;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
}

/** What a test that has failed has left running: each monitor ends its container and removes it. */
export function endMonitors(folder: string): void {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; ) {
    const monitors = monitorsIn(folder);
    if (monitors.length === 0) return;
    for (const { pid } of monitors) attempt(() => String(process.kill(pid, 'SIGTERM')));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
}

/** Cgroups of these containers, wherever in a hierarchy they are. */
export function leftInCgroups(ids: ReadonlySet<string>): string[] {
  if (ids.size === 0) return [];
  const top = '/sys/fs/cgroup';
  return [top, ...readdirSync(top).map((controller) => path.join(top, controller))]
    .flatMap((hierarchy) =>
      [...ids].map((id) => path.join(hierarchy, 'slipway', id)).filter((directory) => existsSync(directory)),
    )
    .map((directory) => `cgroup ${directory}`);
}

/** Number and target of each that is open. */
export function ownDescriptors(): string[] {
  // The folder's own is gone when its name is read.
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    const target = attempt(() => readlinkSync(`/proc/self/fd/${fd}`));
    return target === '' ? [] : [`${fd} ${target}`];
  });
}
