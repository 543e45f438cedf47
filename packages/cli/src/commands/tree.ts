import type { CommandSpec } from '../command.js';
import { completionSpec, doctorSpec, versionSpec } from './about-specs.js';
import { archiveSpecs } from './archive-specs.js';
import { configSpecs, pluginsSpec } from './configuration-specs.js';
import { imagesSpecs, inspectSpec, pullSpec, rmiSpec } from './image-specs.js';
import { containerSpecs, historySpec, imagesTreeSpec, importSpec } from './make-specs.js';
import { registrySpecs } from './registry-specs.js';
import { runSpec } from './run-spec.js';
import { contentSpecs, pruneSpec, snapshotsSpecs, systemSpecs, verifySpec } from './store-specs.js';
import { transferSpecs } from './transfer-specs.js';

/** Every command, in the order of the help. */
export const commandTree: readonly CommandSpec[] = [
  runSpec,
  ...containerSpecs,
  pullSpec,
  ...transferSpecs,
  ...registrySpecs,
  ...archiveSpecs,
  importSpec,
  ...imagesSpecs,
  imagesTreeSpec,
  historySpec,
  inspectSpec,
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
];

/** Commands that only hold others. */
export const groupSummaries: Readonly<Record<string, string>> = {
  images: 'list, draw, mount and unmount images',
  system: 'look after the store',
  content: 'the blobs that are here',
  snapshots: 'the file trees that are here',
  plugins: 'what is wired together',
  config: 'the configuration',
};
