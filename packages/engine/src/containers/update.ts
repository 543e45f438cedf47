import { readCgroupHost, resourcesOf } from '@slipway/cgroups';
import type { ContainerSettings, ContainerUpdate } from '@slipway/plugin-api';
import { updateBundle } from '../bundle/index.js';
import { emitOfContainer } from '../events/emit.js';
import { containersTable } from '../metadata/containers.js';
import { rowKey } from '../metadata/rows.js';
import type { EngineParts } from '../settings.js';
import { containerById, containerNotFound, lookUp } from './find.js';
import { bundleDirectory, containerFolder } from './folder.js';
import { checkLifecycle } from './kept-settings.js';
import { changedLimits } from './merge-limits.js';
import { checkTypes } from './option-types.js';
import { runtimeOf, stateIfThere } from './runtime-of.js';

/**
 * Of a running one at once; and in its settings, from which the next start takes them. What this host cannot set is an error before anything is changed.
 * Errors: `invalid-argument`, `unimplemented` (LIMIT_NOT_SUPPORTED), and those of the runtime, after which the settings are as before.
 */
export async function updateContainer(parts: EngineParts, id: string, changes: ContainerUpdate): Promise<void> {
  checkTypes('update', changes);
  const container = containerById(parts, id);
  const settings = changedSettings(container.row.settings, changes);
  checkLifecycle(settings, container.row.removeAtExit);
  const resources = resourcesOf(settings.limits ?? {}, readCgroupHost());
  const runtime = await runtimeOf(parts, container.row);
  const state = await stateIfThere(runtime, id);
  const hasProcess = state?.status === 'running' || state?.status === 'paused' || state?.status === 'created';
  if (changes.restart !== undefined && (hasProcess || state?.status === 'restarting'))
    await runtime.setRestartPolicy(id, changes.restart);
  if (changes.limits !== undefined) {
    if (hasProcess) await runtime.update(id, resources);
    for (const folder of [bundleDirectory(parts.settings.state, id), containerFolder(parts.settings.root, id)])
      await updateBundle(folder, resources);
  }
  await parts.metadata.write((tx) => {
    const found = lookUp(tx, id);
    if (found === undefined) throw containerNotFound(id);
    // Somebody else may have changed other limits meanwhile.
    tx.put(containersTable, rowKey(id), { ...found.row, settings: changedSettings(found.row.settings, changes) });
  });
  emitOfContainer(parts, 'update', container);
}

function changedSettings(settings: ContainerSettings, { limits, restart }: ContainerUpdate): ContainerSettings {
  return {
    ...settings,
    ...(limits === undefined ? {} : { limits: changedLimits(settings.limits ?? {}, limits) }),
    ...(restart === undefined ? {} : { restart }),
  };
}
