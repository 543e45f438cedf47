import { type Mount, type RuntimeState, SlipwayError } from '@slipway/plugin-api';
import { isRecorded } from '../operations/records.js';
import { settle } from '../operations/settle.js';
import type { EngineParts } from '../settings.js';
import type { FoundContainer } from './find.js';
import { runtimeOf, stateIfThere } from './runtime-of.js';
import { runOperation } from './state.js';

/** Whether a virtual machine has the container's files now, and what of them is written out only it knows. */
export function isInMachine({ machine }: RuntimeState): boolean {
  return machine !== undefined;
}

/**
 * Before a container's files are read from its snapshot. One that has ended is waited for until its machine, which writes out what it has, is gone.
 * Errors: `unimplemented` (CONTAINER_ROOT_IN_MACHINE), `canceled`.
 */
export async function leftMachine(parts: EngineParts, container: FoundContainer, signal: AbortSignal | undefined): Promise<void> {
  const { id, row } = container;
  if (!isOfMachines(parts, row.runtime) || !isRecorded(parts.settings.state, runOperation(id))) return;
  const state = await stateIfThere(await runtimeOf(parts, row), id);
  if (state === undefined) return;
  if (isInMachine(state)) throw rootInMachine(container);
  await settle(parts, runOperation(id), `look into container ${JSON.stringify(row.name)}`, signal);
}

export function rootInMachine({ id, row: { name } }: FoundContainer): SlipwayError {
  return new SlipwayError({
    kind: 'unimplemented',
    code: 'CONTAINER_ROOT_IN_MACHINE',
    message: `the files of container ${JSON.stringify(name)} are in a virtual machine while it runs`,
    hint: 'stop it first, or use slipway exec, or a folder that both have (-v)',
    details: { id, name },
  });
}

/** Whether the containers of a runtime have a kernel of their own, which no byte of their disks is to be believed of. Known without the runtime's code. */
export function isOfMachines({ runtimes }: Pick<EngineParts, 'runtimes'>, runtime: string): boolean {
  return runtimes.declares(runtime)?.['isolation'] === 'vm';
}

/** A root file system without the disk that is written to: what the image has. */
export function withoutUpper(rootfs: readonly Mount[]): readonly Mount[] {
  return rootfs.map((mount) => (mount.kind === 'layers' ? { kind: 'layers', lower: mount.lower } : mount));
}
