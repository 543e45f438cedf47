import { closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { hasCode, type RuntimeSpec, wrapError } from '@slipway/plugin-api';
import type { FoundContainer } from '../containers/find.js';
import { bundleDirectory } from '../containers/folder.js';
import { openNamespaceOf } from '../containers/namespace-paths.js';
import { containerState } from '../containers/state.js';
import type { EngineParts } from '../settings.js';
import { namespacePath } from './attach-networks.js';
import { machineNetwork } from './refusals.js';

/**
 * Where its networks can be changed at once. One that waits for its restart has no process to reach its namespace by: it is as one that does not run, and keeps what it has. Errors: `unimplemented` for a
 * virtual machine.
 */
export async function isRunning(parts: EngineParts, container: FoundContainer): Promise<boolean> {
  const { status, machine } = await containerState(parts, container);
  if (status !== 'running' && status !== 'paused') return false;
  if (machine === undefined) return true;
  const { name } = container.row;
  throw machineNetwork(name, 'its networks cannot be changed while it runs', `stop it first: slipway stop ${name}`);
}

/** A path of its network namespace that is good for as long as `work` takes, whatever becomes of the container. */
export async function withNamespace<T>(parts: EngineParts, id: string, work: (namespace: string) => Promise<T>): Promise<T> {
  const fd = await openNamespaceOf(parts, id, 'network');
  try {
    return await work(namespacePath(fd));
  } finally {
    closeSync(fd);
  }
}

/** Of what runs; undefined where it has the host's. */
export async function hostnameOf({ settings }: Pick<EngineParts, 'settings'>, id: string): Promise<string | undefined> {
  const file = path.join(bundleDirectory(settings.state, id), 'config.json');
  try {
    return (JSON.parse(await readFile(file, 'utf8')) as RuntimeSpec).hostname;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw wrapError(`read ${JSON.stringify(file)}`, error);
  }
}
