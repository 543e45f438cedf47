import { isKind, type PruneNetworksOptions, step, throwIfAborted } from '@slipway/plugin-api';
import { hasLabels } from '../containers/labels.js';
import { checkTypes } from '../containers/option-types.js';
import type { EngineParts } from '../settings.js';
import { realName } from './list-networks.js';
import { LivingContainers } from './living.js';
import { tellNetworkEvent } from './network-event.js';
import { engineNetwork } from './plugin.js';
import { networkInUse } from './refusals.js';
import { networkUsers } from './users.js';

/** One that a container has stays, also if that does not run: it could not be started again. */
export async function removeNetwork(
  parts: EngineParts,
  given: string,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const name = realName(parts, given);
  const { network } = await engineNetwork(parts);
  const users = networkUsers(parts)(name);
  if (users.length > 0)
    throw networkInUse(
      name,
      users.map(({ row }) => row.name),
    );
  await network.remove(name, options);
  step('network.removed', { name });
  tellNetworkEvent(parts, 'destroy', name);
}

/** What is taken into use meanwhile stays. Whatever nobody has attached any more is removed from this host, too. */
export async function pruneNetworks(
  parts: EngineParts,
  options: PruneNetworksOptions,
): Promise<{ readonly networks: readonly string[] }> {
  checkTypes('pruneNetworks', options);
  const { labels = [], dryRun = false, signal } = options;
  const { network } = await engineNetwork(parts);
  if (!dryRun) await network.cleanup(new LivingContainers(parts.settings.state));
  const pruned: string[] = [];
  for (const info of await network.list()) {
    throwIfAborted('prune networks', signal);
    const { name, createdAt, attached } = info;
    // Without a date it is the host's own.
    const isKept = createdAt === undefined || name === parts.settings.defaultNetwork || name === 'bridge';
    if (isKept || !hasLabels(info.labels, labels) || attached.length > 0 || networkUsers(parts)(name).length > 0) continue;
    try {
      if (!dryRun) await removeNetwork(parts, name, { signal });
      pruned.push(name);
    } catch (error) {
      if (!isKind(error, 'not-found', 'failed-precondition')) throw error;
    }
  }
  return { networks: pruned };
}
