import type { ContainerSettings } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { findContainer } from './find.js';
import { invalid } from './kept-settings.js';
import { requireRunning } from './runtime-of.js';

const prefix = 'container:';

/** Where the namespaces of other containers are that `container:NAME` asks for. Errors: `not-found`, `failed-precondition` (it does not run). */
export async function namespacePaths(
  parts: EngineParts,
  { namespaces = {} }: ContainerSettings,
): Promise<{ pid?: string; ipc?: string }> {
  const [pid, ipc] = [await namespacePath(parts, namespaces.pid, 'pid'), await namespacePath(parts, namespaces.ipc, 'ipc')];
  return { ...(pid === undefined ? {} : { pid }), ...(ipc === undefined ? {} : { ipc }) };
}

/** For the check of settings before any start: whether those containers run is not asked yet. */
export function namespacesToCome({ namespaces = {} }: ContainerSettings): { pid?: string; ipc?: string } {
  const path = (type: 'pid' | 'ipc') => (/^container:./.test(namespaces[type] ?? '') ? { [type]: `/proc/self/ns/${type}` } : {});
  return { ...path('pid'), ...path('ipc') };
}

async function namespacePath(parts: EngineParts, wish: string | undefined, type: 'pid' | 'ipc'): Promise<string | undefined> {
  if (wish === undefined || wish === 'private' || wish === 'host') return undefined;
  if (!wish.startsWith(prefix)) throw invalid(`namespaces.${type}`, wish, 'private, host or container:NAME');
  const { id } = findContainer(parts, wish.slice(prefix.length));
  const { state } = await requireRunning(parts, id, { pausedToo: true });
  return `/proc/${state.pid}/ns/${type}`;
}
