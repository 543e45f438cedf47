import { isIPv6 } from 'node:net';
import { AgentService, encodeRequest, ipFamilies } from '@slipway/kata-agent';
import type { PlanStep } from '../plan.js';
import type { NamespaceNetwork, NetworkRoute } from './namespace-network.js';

/** RT_SCOPE_LINK and RTNH_F_ONLINK of <linux/rtnetlink.h>. */
const [linkScope, onLinkFlag] = [253, 4];

/** What the agent is asked for to have the network: its interfaces, found by their hardware addresses, then the routes over them. */
export function networkCalls({ interfaces, routes }: NamespaceNetwork): readonly PlanStep[] {
  const { updateInterface, updateRoutes } = AgentService.method;
  const calls = interfaces.map(({ name, mac, mtu, addresses }) =>
    encodeRequest(updateInterface, {
      interface: { device: name, name, mtu: BigInt(mtu), hwAddr: mac, IPAddresses: addresses.map(asAddress) },
    }),
  );
  if (routes.length > 0) calls.push(encodeRequest(updateRoutes, { routes: { Routes: routes.map(asRoute) } }));
  return calls.map(({ service, method, payload }) => ['call', service, method, payload]);
}

function asAddress(whole: string) {
  const [address = '', mask = ''] = whole.split('/');
  return { family: isIPv6(address) ? ipFamilies.v6 : ipFamilies.v4, address, mask };
}

function asRoute({ family, destination, gateway, source, device, onLink, isLocal, metric, mtu }: NetworkRoute) {
  return {
    dest: destination ?? '',
    gateway: gateway ?? '',
    source: source ?? '',
    device,
    family: family === 6 ? ipFamilies.v6 : ipFamilies.v4,
    // Those of IPv6 have none.
    scope: isLocal && family === 4 ? linkScope : 0,
    flags: onLink ? onLinkFlag : 0,
    mtu: mtu ?? 0,
    metric: metric ?? 0,
  };
}
