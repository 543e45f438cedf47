import { isKind, step } from '@slipway/plugin-api';
import { withContainer } from '../containers/container-lock.js';
import { type FoundContainer, findContainer } from '../containers/find.js';
import { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import { changeNetworks } from './change-networks.js';
import { realName } from './list-networks.js';
import { networkMode } from './mode.js';
import { tellNetworkEvent } from './network-event.js';
import { networkPluginOf, requireNetworkPlugin } from './plugin.js';
import { notConnected, sharedNetwork } from './refusals.js';
import { rewriteNames } from './rewrite-names.js';
import { hostnameOf, isRunning, withNamespace } from './running-network.js';

export interface DisconnectOptions {
  readonly force?: boolean | undefined;
  readonly signal: AbortSignal;
}

/** From its settings first: who is killed after that has disconnected it, and the next call does the rest. */
export async function disconnectContainer(
  parts: EngineParts,
  given: string,
  nameOrId: string,
  options: DisconnectOptions,
): Promise<void> {
  const { force = false, signal } = options;
  const name = realName(parts, given);
  const { id } = findContainer(parts, nameOrId);
  await withContainer(parts, id, { what: `disconnect container "${id}"`, signal }, async (container) => {
    const { row } = container;
    const mode = networkMode(row.settings, parts.settings.defaultNetwork);
    if (mode.kind === 'host' || mode.kind === 'container') throw sharedNetwork(row.name, mode.kind);
    const isOfIt = mode.kind === 'networks' && mode.networks.some(({ network }) => network === name);
    const plugin = networkPluginOf(parts, row);
    if (!isOfIt) {
      await requireKnown(parts, plugin, name, force);
      if (!force) throw notConnected(name, row.name);
    }
    const drop = (): Promise<void> => changeNetworks(parts, id, (networks) => networks.filter(({ network }) => network !== name));
    if (plugin === undefined || !(await isRunning(parts, container))) return isOfIt ? drop() : undefined;
    await detachRunning(parts, plugin, container, name, { drop, signal });
  });
}

async function requireKnown(parts: EngineParts, plugin: string | undefined, name: string, force: boolean): Promise<void> {
  try {
    await (await requireNetworkPlugin(parts, plugin)).inspect(name);
  } catch (error) {
    if (!force || !isKind(error, 'not-found')) throw error;
  }
}

async function detachRunning(
  parts: EngineParts,
  plugin: string,
  { id, row }: FoundContainer,
  name: string,
  { drop, signal }: { readonly drop: () => Promise<void>; readonly signal: AbortSignal },
): Promise<void> {
  const network = await requireNetworkPlugin(parts, plugin);
  await using operation = Operation.begin(parts, 'disconnect');
  const held = operation.acquire({ kind: 'network-connection', plugin, id, network: name });
  const before = await network.attachments(id);
  const hostname = await hostnameOf(parts, id);
  await drop();
  step('network.dropped', { id, network: name });
  await withNamespace(parts, id, (namespace) => network.detach(id, { network: name, namespace, signal }));
  step('network.disconnected', { id, network: name });
  held.forget();
  await rewriteNames(parts, { id, row, hostname, before, after: await network.attachments(id) });
  tellNetworkEvent(parts, 'disconnect', name, id);
}
