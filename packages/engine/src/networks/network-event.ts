import { emit } from '../events/emit.js';
import type { EngineParts } from '../settings.js';

/** Docker's words: `connect` and `disconnect` of a container, `create` and `destroy` of a network. */
export function tellNetworkEvent(
  parts: Pick<EngineParts, 'settings' | 'log'>,
  action: 'create' | 'connect' | 'disconnect' | 'destroy',
  network: string,
  container?: string,
): void {
  emit(parts, {
    type: 'network',
    action,
    id: network,
    attributes: { name: network, ...(container === undefined ? {} : { container }) },
  });
}
