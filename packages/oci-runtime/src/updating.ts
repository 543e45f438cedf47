import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { directoryOf } from '@slipway/cgroups';
import { type RuntimeResources, wrapError } from '@slipway/plugin-api';
import type { ContainerFolder } from './container-folder.js';
import { notRunning } from './errors.js';
import { cgroupOf, observe } from './observe.js';
import type { Tool } from './tool.js';
import { runVerb } from './verb.js';
import { nameOf } from './version.js';

/** New limits. Errors: `not-found`, `failed-precondition`, `unimplemented`, `internal` with what the tool says. */
export async function updateContainer(tool: Tool, folder: ContainerFolder, resources: RuntimeResources): Promise<void> {
  const { state, process } = await observe(tool, folder);
  if (process === undefined) throw notRunning(folder.id, state.status);
  const { pids, ...others } = resources;
  const isUnlimited = pids !== undefined && pids.limit <= 0;
  const byFile = isUnlimited && tool.machine === undefined && (await nameOf(tool)) === 'crun';
  if (byFile) liftPidsLimit(folder, process.pid);
  // Tools take 0 for "not named", where config.json has 0 or less for "no limit".
  const named = { ...others, ...(pids === undefined || byFile ? {} : { pids: isUnlimited ? { limit: -1 } : pids }) };
  if (Object.keys(named).length > 0) await update(tool, folder, named);
}

async function update(tool: Tool, folder: ContainerFolder, resources: RuntimeResources): Promise<void> {
  const file = path.join(folder.directory, `resources-${randomBytes(6).toString('hex')}.json`);
  try {
    writeFileSync(file, JSON.stringify(resources), { mode: 0o600 });
    const prepared = tool.machine?.prepareUpdate(folder, file, resources);
    await runVerb(tool, folder, 'update', '--resources', file).catch((error: unknown) => {
      prepared?.undo();
      throw error;
    });
    prepared?.keep();
  } finally {
    for (const name of [file, `${file}.pb`]) rmSync(name, { force: true });
  }
}

/** crun 1.8 writes the number as it is, and the kernel takes none for "no limit". */
function liftPidsLimit(folder: ContainerFolder, pid: number): void {
  const directory = directoryOf(cgroupOf(folder, pid), 'pids');
  if (directory === undefined) return;
  try {
    writeFileSync(path.join(directory, 'pids.max'), 'max', { flag: 'r+' });
  } catch (error) {
    throw wrapError(`limit of processes of container "${folder.id}"`, error);
  }
}
