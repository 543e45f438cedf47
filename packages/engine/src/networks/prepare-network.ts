import { closeSync } from 'node:fs';
import path from 'node:path';
import { linux } from '@slipway/linux';
import type { ImageConfig } from '@slipway/plugin-api';
import type { NamespacePaths } from '../bundle/isolation.js';
import { bundleDirectory } from '../containers/folder.js';
import type { ContainerRow } from '../metadata/containers.js';
import type { EngineParts } from '../settings.js';
import { checkNetwork } from './check.js';
import { type HeldPorts, holdPorts } from './hold-ports.js';
import { type NetworkMode, networkMode } from './mode.js';
import { wantedPorts } from './ports.js';

export interface PreparedNetwork extends Disposable {
  readonly mode: NetworkMode;
  readonly held: HeldPorts | undefined;
  /** Of this process, which is all that holds it until the runtime has it. */
  readonly namespace: number | undefined;
  readonly paths: Pick<NamespacePaths, 'network' | 'networkIsOwn'>;
  readonly attachments: readonly { readonly fd: number; readonly directory: string }[];
}

export interface PrepareNetwork {
  readonly id: string;
  readonly row: Pick<ContainerRow, 'settings'>;
  readonly image: ImageConfig;
  readonly fleeting: boolean;
}

/**
 * What a start needs before anything is made: its ports, then its network namespace. That is handed to the monitor as a tree, so that a restart is in the same one, with its interfaces. One
 * that joins nothing and goes with its command has no use for that: the runtime makes it. Errors: those of {@link holdPorts}.
 */
export function prepareNetwork(
  parts: Pick<EngineParts, 'settings' | 'metadata'>,
  { id, row, image, fleeting }: PrepareNetwork,
): PreparedNetwork {
  const { settings } = row;
  checkNetwork(settings, parts.settings.defaultNetwork);
  const mode = networkMode(settings, parts.settings.defaultNetwork);
  const isMade = mode.kind === 'networks' || (mode.kind === 'none' && !fleeting);
  const directory = path.join(bundleDirectory(parts.settings.state, id), 'namespaces', 'network');
  const held = mode.kind === 'networks' ? holdPorts(parts, wantedPorts(settings, image)) : undefined;
  const descriptors: number[] = [];
  const close = (): void => {
    held?.[Symbol.dispose]();
    for (const fd of descriptors.splice(0)) closeSync(fd);
  };
  try {
    if (!isMade) return { mode, held, namespace: undefined, paths: {}, attachments: [], [Symbol.dispose]: close };
    const namespace = linux.createNetworkNamespace();
    descriptors.push(namespace);
    const tree = linux.cloneTree(namespace, { recursive: false, readOnly: false, propagation: 'private' });
    descriptors.push(tree);
    return {
      mode,
      held,
      namespace,
      paths: { network: directory, networkIsOwn: true },
      attachments: [{ fd: tree, directory }],
      [Symbol.dispose]: close,
    };
  } catch (error) {
    close();
    throw error;
  }
}
