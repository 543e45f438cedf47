import { existsSync } from 'node:fs';
import { type ConnectNetworkOptions, type NetworkChoice, step } from '@slipway/plugin-api';
import { withContainer } from '../containers/container-lock.js';
import { type FoundContainer, findContainer } from '../containers/find.js';
import { bundleDirectory } from '../containers/folder.js';
import { checkTypes } from '../containers/option-types.js';
import { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import { egressOf, namesOf } from './attach-networks.js';
import { changeNetworks } from './change-networks.js';
import { checkChoice } from './check.js';
import { realName } from './list-networks.js';
import { networkMode } from './mode.js';
import { tellNetworkEvent } from './network-event.js';
import { networkPluginOf, requireNetworkPlugin } from './plugin.js';
import { readNetworkRecord, writeNetworkRecord } from './record.js';
import { alreadyConnected, sharedNetwork } from './refusals.js';
import { rewriteNames } from './rewrite-names.js';
import { hostnameOf, isRunning, withNamespace } from './running-network.js';

type Options = ConnectNetworkOptions & { readonly signal: AbortSignal };

/** In its settings last: who is killed before has connected nothing, which the next call sees to. */
export async function connectContainer(parts: EngineParts, given: string, nameOrId: string, options: Options): Promise<void> {
  checkTypes('connect', options);
  const { signal, addresses, mac, aliases } = options;
  const name = realName(parts, given);
  const choice: NetworkChoice = {
    network: name,
    ...(addresses === undefined ? {} : { addresses }),
    ...(mac === undefined ? {} : { mac }),
    ...(aliases === undefined ? {} : { aliases }),
  };
  checkChoice(choice);
  const { id } = findContainer(parts, nameOrId);
  await withContainer(parts, id, { what: `connect container "${id}"`, signal }, async (container) => {
    const { row } = container;
    const mode = networkMode(row.settings, parts.settings.defaultNetwork);
    if (mode.kind === 'host' || mode.kind === 'container') throw sharedNetwork(row.name, mode.kind);
    if (mode.kind === 'networks' && mode.networks.some(({ network }) => network === name)) throw alreadyConnected(name, row.name);
    const plugin = networkPluginOf(parts, row);
    await (await requireNetworkPlugin(parts, plugin)).inspect(name);
    const keep = (): Promise<void> =>
      changeNetworks(parts, id, (networks) => [...networks.filter(({ network }) => network !== name), choice]);
    if (plugin === undefined || !(await isRunning(parts, container))) return keep();
    await attachRunning(parts, plugin, container, choice, { signal, keep });
  });
}

async function attachRunning(
  parts: EngineParts,
  plugin: string,
  { id, row }: FoundContainer,
  choice: NetworkChoice,
  { signal, keep }: { readonly signal: AbortSignal; readonly keep: () => Promise<void> },
): Promise<void> {
  const network = await requireNetworkPlugin(parts, plugin);
  const { state } = parts.settings;
  // Its run ends right now: a record of its networks would stay for good.
  if (!existsSync(bundleDirectory(state, id))) return keep();
  await using operation = Operation.begin(parts, 'connect');
  const held = operation.acquire({ kind: 'network-connection', plugin, id, network: choice.network });
  const before = await network.attachments(id);
  const record = readNetworkRecord(state, id) ?? { plugin, ports: [] };
  // The end of the run looks for it: as long as it is there, something may be attached.
  writeNetworkRecord(state, id, record);
  const hostname = await hostnameOf(parts, id);
  await withNamespace(parts, id, (namespace) =>
    network.attach({
      id,
      namespace,
      networks: [choice],
      names: namesOf(id, row.name, hostname),
      // What it publishes went with the last network that it had.
      ports: before.length === 0 ? record.ports : undefined,
      egress: egressOf(row.settings),
      nameservers: row.settings.dns?.servers,
      signal,
    }),
  );
  step('network.connected', { id, network: choice.network });
  if (readNetworkRecord(state, id) === undefined) {
    // Its run has ended meanwhile, and was taken from what it had until then.
    await network.detach(id, { network: choice.network });
    await keep();
    held.forget();
    return;
  }
  await keep();
  held.forget();
  await rewriteNames(parts, { id, row, hostname, before, after: await network.attachments(id) });
  tellNetworkEvent(parts, 'connect', choice.network, id);
}
