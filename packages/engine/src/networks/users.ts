import { allContainers, type FoundContainer } from '../containers/find.js';
import type { EngineParts } from '../settings.js';
import { networkMode } from './mode.js';

/** The containers whose settings name a network, running or not, by its name. */
export function networkUsers(
  parts: Pick<EngineParts, 'log' | 'metadata' | 'settings'>,
): (network: string) => readonly FoundContainer[] {
  const users = new Map<string, FoundContainer[]>();
  for (const container of allContainers(parts)) {
    const mode = networkMode(container.row.settings, parts.settings.defaultNetwork);
    if (mode.kind !== 'networks') continue;
    for (const { network } of mode.networks) users.set(network, [...(users.get(network) ?? []), container]);
  }
  return (network) => users.get(network) ?? [];
}
