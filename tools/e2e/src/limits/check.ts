import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cgroup, type CgroupDriver, type CgroupHost, cgroupOfProcess, directoryOf } from '@slipway/cgroups';
import type { Engine, RunningContainer, RunOptions } from '@slipway/plugin-api';

/** Where a check runs: a driver on a host, this one or one in a virtual machine. */
export interface Limited {
  readonly engine: Engine;
  readonly image: string;
  readonly host: CgroupHost;
  readonly driver: CgroupDriver;
  /** Below which containers are made: a path, with systemd a slice. */
  readonly cgroupParent: string;
}

export interface Check {
  readonly name: string;
  /** The same whoever makes the control group: tried with one driver of a host is enough. */
  readonly once?: true;
  run(limited: Limited): Promise<void>;
}

/** A container that goes on on its own, removed when it is disposed of. */
export async function started(
  { engine, image, cgroupParent }: Limited,
  options: Omit<RunOptions, 'image'> = {},
): Promise<RunningContainer> {
  const settings = { image, detach: true, removeAtExit: false, stopTimeoutMs: 0, cgroupParent, args: ['sleep', '3600'] };
  const container = await engine.run({ ...settings, ...options });
  return Object.assign(container, { [Symbol.asyncDispose]: () => container.remove({ force: true }) });
}

/** What the kernel has, of a file that each version has its own name for. */
export function setting(pid: number, controller: string, v1: string, v2: string): string {
  return fileOf(cgroupOfProcess(pid), controller, v1, v2);
}

export function fileOf(cgroup: Cgroup, controller: string, v1: string, v2: string): string {
  const directory = directoryOf(cgroup, controller);
  if (directory === undefined) throw new Error(`no controller ${controller}`);
  const unified = cgroup.directories[''] === directory;
  return readFileSync(path.join(directory, unified ? v2 : v1), 'utf8').trim();
}

/** Looks until it holds; a test's own deadline is the limit. */
export async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await sleep(100);
}

export const MiB = 1024 * 1024;
