import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { RuntimeResources } from '@slipway/plugin-api';
import type { ContainerFolder } from './container-folder.js';
import { notRunning } from './errors.js';
import { observe } from './observe.js';
import type { Tool } from './tool.js';
import { runVerb } from './verb.js';

/** New limits. Errors: `not-found`, `failed-precondition`, `unimplemented`, `internal` with what the tool says. */
export async function updateContainer(tool: Tool, folder: ContainerFolder, resources: RuntimeResources): Promise<void> {
  const { status } = (await observe(tool, folder)).state;
  if (status === 'stopped' || status === 'restarting' || status === 'creating') throw notRunning(folder.id, status);
  const file = path.join(folder.directory, `resources-${randomBytes(6).toString('hex')}.json`);
  try {
    writeFileSync(file, JSON.stringify(asTools(resources)), { mode: 0o600 });
    await runVerb(tool, folder, 'update', '--resources', file);
  } finally {
    rmSync(file, { force: true });
  }
}

/** Tools take 0 for "not named", where config.json has 0 or less for "no limit". */
function asTools(resources: RuntimeResources): RuntimeResources {
  const { pids } = resources;
  return pids === undefined || pids.limit > 0 ? resources : { ...resources, pids: { limit: -1 } };
}
