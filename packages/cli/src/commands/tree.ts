import type { CommandSpec } from '../command.js';
import { completeNamesSpec, completionSpec, doctorSpec, versionSpec } from './about-specs.js';
import { archiveSpecs } from './archive-specs.js';
import { configSpecs, pluginsSpec } from './configuration-specs.js';
import { containerGroupSpecs, eventsSpec, inspectSpec, psSpec } from './container-specs.js';
import { createSpec } from './create-spec.js';
import { imagesRmSpec, imagesSpecs, pullSpec, rmiSpec } from './image-specs.js';
import { lifecycleSpecs } from './lifecycle-specs.js';
import { containerSpecs, historySpec, imagesTreeSpec, importSpec } from './make-specs.js';
import { networkSpecs, portSpec } from './network-specs.js';
import { registrySpecs } from './registry-specs.js';
import { resourceSpecs } from './resource-specs.js';
import { runSpec } from './run-spec.js';
import { contentSpecs, pruneSpec, snapshotsSpecs, systemSpecs, verifySpec } from './store-specs.js';
import { streamSpecs } from './stream-specs.js';
import { transferSpecs } from './transfer-specs.js';
import { volumeSpecs } from './volume-specs.js';

/** Every command, in the order of the help. */
export const commandTree: readonly CommandSpec[] = [
  runSpec,
  createSpec,
  ...lifecycleSpecs,
  ...streamSpecs,
  psSpec,
  portSpec,
  ...resourceSpecs,
  eventsSpec,
  inspectSpec,
  ...containerSpecs,
  ...containerGroupSpecs,
  ...volumeSpecs,
  ...networkSpecs,
  pullSpec,
  ...transferSpecs,
  ...registrySpecs,
  ...archiveSpecs,
  importSpec,
  ...imagesSpecs,
  imagesRmSpec,
  imagesTreeSpec,
  historySpec,
  rmiSpec,
  pruneSpec,
  verifySpec,
  ...systemSpecs,
  ...contentSpecs,
  ...snapshotsSpecs,
  pluginsSpec,
  ...configSpecs,
  doctorSpec,
  versionSpec,
  completionSpec,
  completeNamesSpec,
];

/** Commands that only hold others. */
export const groupSummaries: Readonly<Record<string, string>> = {
  container: 'containers under another name, and container prune',
  volume: 'make, list and remove volumes',
  network: 'make, list and remove networks, and let containers join them',
  images: 'list, draw, mount, unmount and remove images',
  system: 'look after the store',
  content: 'the blobs that are here',
  snapshots: 'the file trees that are here',
  plugins: 'what is wired together',
  config: 'the configuration',
};

/** The group that also has, unnamed in its help, all commands below the heading. */
export const containerGroup = 'container';
export const containersHeading = 'Containers:';
