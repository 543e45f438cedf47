import { closeSync } from 'node:fs';
import type { ContainerSettings, RuntimeMount } from '@slipway/plugin-api';
import { bundleDirectory } from '../containers/folder.js';
import type { EngineParts } from '../settings.js';
import type { NetworkMode } from './mode.js';
import { type NameFile, nameMounts, namesOfOther } from './name-mounts.js';

export interface PlanNames {
  readonly mode: NetworkMode;
  readonly settings: Pick<ContainerSettings, 'readOnly' | 'dns' | 'extraHosts'>;
  readonly tree: number;
  readonly bundle: string;
  /** Of the user's. */
  readonly mounts: readonly RuntimeMount[];
  /** Whose network it shares. */
  readonly networkOf: string | undefined;
}

/** Disposing closes the descriptors; what was attached by then stays. */
export interface PlannedNames extends Disposable {
  /** To be written to the bundle before the runtime has it. */
  readonly files: readonly NameFile[];
  readonly mounts: readonly RuntimeMount[];
  readonly attachments: readonly { readonly fd: number; readonly directory: string }[];
}

/** Which files of names the container gets of its own, where they go, and which it shares with the container whose network it has. */
export function planNames(parts: Pick<EngineParts, 'settings' | 'log'>, input: PlanNames): PlannedNames {
  const { mode, settings, bundle, networkOf } = input;
  const shared = networkOf === undefined ? [] : namesOfOther(bundleDirectory(parts.settings.state, networkOf), bundle);
  const close = (): void => {
    for (const { fd } of shared.splice(0)) closeSync(fd);
  };
  try {
    const own = ownFiles(mode, settings);
    const files = [...own, ...shared.map(({ file }) => file)];
    const placed = nameMounts({
      ...input,
      parts,
      files,
      readOnly: settings.readOnly ?? false,
      onlyExisting: mode.kind === 'none',
    });
    return {
      files: placed.files.filter((file) => own.includes(file)),
      mounts: placed.mounts,
      attachments: shared.filter(({ file }) => placed.files.includes(file)),
      [Symbol.dispose]: close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

function ownFiles(mode: NetworkMode, { dns, extraHosts = [] }: PlanNames['settings']): readonly NameFile[] {
  switch (mode.kind) {
    case 'host':
      // The host's own are mounted; what is asked for beside them goes over these.
      return [...(extraHosts.length > 0 ? (['hosts'] as const) : []), ...(dns === undefined ? [] : (['resolv.conf'] as const))];
    case 'container':
      return ['hostname'];
    default:
      return ['hosts', 'resolv.conf', 'hostname'];
  }
}
