import { closeSync, constants, openSync } from 'node:fs';
import path from 'node:path';
import { linux, O_PATH } from '@slipway/linux';
import { type ContainerSettings, hasCode, SlipwayError, wrapError } from '@slipway/plugin-api';
import type { NamespacePaths } from '../bundle/isolation.js';
import type { EngineParts } from '../settings.js';
import { findContainer } from './find.js';
import { invalid } from './kept-settings.js';
import { requireRunning } from './runtime-of.js';

const prefix = 'container:';
const types = ['pid', 'ipc', 'network'] as const;
type Shared = (typeof types)[number];

/** As /proc/PID/ns calls them. */
const procNames = { pid: 'pid', ipc: 'ipc', network: 'net' } as const satisfies Record<Shared, string>;

/** Namespaces of other containers to be in. Disposing closes the descriptors; what was attached by then stays. */
export interface JoinedNamespaces extends Disposable {
  readonly paths: NamespacePaths;
  /** To be attached at those paths where the runtime runs. */
  readonly attachments: readonly { readonly fd: number; readonly directory: string }[];
  /** Whose network it shares. */
  readonly networkOf?: string;
}

/**
 * The namespaces that `container:NAME` asks for, held by files in the bundle. Not by `/proc/PID/ns`: at a restart by the monitor that number may long be another process', and the
 * container would be in the host's namespace. Errors: `not-found`, `failed-precondition` (it does not run).
 */
export async function joinNamespaces(parts: EngineParts, settings: ContainerSettings, bundle: string): Promise<JoinedNamespaces> {
  const attachments: { readonly fd: number; readonly directory: string }[] = [];
  const paths: { pid?: string; ipc?: string; network?: string } = {};
  let networkOf: string | undefined;
  const close = (): void => {
    for (const { fd } of attachments.splice(0)) closeSync(fd);
  };
  try {
    for (const type of types) {
      const id = otherContainer(parts, wishOf(settings, type), type);
      if (id === undefined) continue;
      if (type === 'network') networkOf = id;
      const directory = path.join(bundle, 'namespaces', type);
      attachments.push({ fd: await openNamespace(parts, id, type), directory });
      paths[type] = directory;
    }
  } catch (error) {
    close();
    throw error;
  }
  return { paths, attachments: [...attachments], ...(networkOf === undefined ? {} : { networkOf }), [Symbol.dispose]: close };
}

/** For the check of settings before any start: whether those containers run is not asked yet. */
export function namespacesToCome(settings: ContainerSettings): NamespacePaths {
  const path = (type: Shared) =>
    /^container:./.test(wishOf(settings, type) ?? '') ? { [type]: `/proc/self/ns/${procNames[type]}` } : {};
  return { ...path('pid'), ...path('ipc'), ...path('network') };
}

/** Of networks only the word for another container's is one. */
function wishOf({ namespaces = {}, network }: ContainerSettings, type: Shared): string | undefined {
  if (type !== 'network') return namespaces[type];
  return typeof network === 'string' && network.startsWith(prefix) ? network : undefined;
}

function otherContainer(parts: EngineParts, wish: string | undefined, type: Shared): string | undefined {
  if (wish === undefined || wish === 'private' || wish === 'host') return undefined;
  if (!wish.startsWith(prefix)) throw invalid(`namespaces.${type}`, wish, 'private, host or container:NAME');
  return findContainer(parts, wish.slice(prefix.length)).id;
}

/** As a mount that is attached nowhere, so that it can be attached elsewhere. */
async function openNamespace(parts: EngineParts, id: string, type: Shared): Promise<number> {
  const fd = await openNamespaceOf(parts, id, type);
  try {
    return linux.cloneTree(fd, { recursive: false, readOnly: false, propagation: 'private' });
  } finally {
    closeSync(fd);
  }
}

/** A namespace of a running container, surely its own; the descriptor, for setns(2) of a network, else O_PATH, is the caller's to close. Errors: as {@link joinNamespaces}. */
export async function openNamespaceOf(parts: EngineParts, id: string, type: Shared): Promise<number> {
  const { row, state } = await requireRunning(parts, id, { pausedToo: true });
  // Its process on this host only stands for it: its namespaces are the host's.
  if (state.machine !== undefined) throw inMachine(row.name, type);
  let fd: number;
  try {
    fd = openSync(`/proc/${state.pid}/ns/${procNames[type]}`, type === 'network' ? constants.O_RDONLY : O_PATH);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) throw changed(id);
    throw wrapError(`namespace ${type} of container ${JSON.stringify(id)}`, error);
  }
  try {
    // The same first process before and after: so the number was its own all the time, and not another process'.
    const after = await requireRunning(parts, id, { pausedToo: true });
    if (after.state.pid !== state.pid) throw changed(id);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function inMachine(name: string, type: Shared): SlipwayError {
  return new SlipwayError({
    kind: 'unimplemented',
    code: 'MACHINE_NAMESPACE',
    message: `container ${JSON.stringify(name)} is in a virtual machine: nobody outside can be in its ${type} namespace`,
    hint: type === 'network' ? 'join a network that both are in: --network NAME' : 'leave it out',
    details: { name },
  });
}

function changed(id: string): SlipwayError {
  return new SlipwayError({
    kind: 'aborted',
    code: 'CONTAINER_CHANGED',
    message: `container ${JSON.stringify(id)} ended while its namespaces were looked for`,
    hint: 'try again when it runs',
    details: { id },
  });
}
