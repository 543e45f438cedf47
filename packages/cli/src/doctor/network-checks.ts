import { existsSync, readFileSync } from 'node:fs';
import { type NetworkFeatures, networkPoint } from '@slipway/plugin-api';
import type { Host } from 'slipway';
import { type Check, messageOf, ok, warn } from './check.js';

/** What networks need; without them containers run all the same, with `--network none` or `host`. */
export async function networkChecks(host: Host, id: string | undefined): Promise<Check[]> {
  if (id === undefined) return [ok('network', 'no plugin in this stack: containers join no network')];
  let features: NetworkFeatures;
  try {
    features = await (await host.kernel.get(networkPoint, id)).features();
  } catch (error) {
    return [warn('network', `${id}: ${messageOf(error)}`, `${without}, or see slipway plugins ls`)];
  }
  return [pluginsCheck(id, features), firewallCheck(features), namesCheck(features), egressCheck(features), forwardingCheck()];
}

const without = 'set default_network = "none" in the configuration to do without';

function pluginsCheck(id: string, { version, ipv6 }: NetworkFeatures): Check {
  const found = `${id}: ${version}${ipv6 ? '' : ', without IPv6'}`;
  return version.includes('not installed')
    ? warn('network', found, `install containernetworking-plugins, or ${without}`)
    : ok('network', found);
}

function firewallCheck({ firewall }: NetworkFeatures): Check {
  if (firewall === 'none')
    return warn(
      'firewall',
      'neither nft nor iptables is here',
      'install nftables: no network leads out of this host now, and no port is published',
    );
  // The file that it keeps while it runs.
  const beside = existsSync('/run/firewalld.pid') ? '; firewalld runs, and trusts our bridges' : '';
  return ok('firewall', `${firewall}${beside}`);
}

function namesCheck({ names }: NetworkFeatures): Check {
  return names
    ? ok('names', 'containers of a network find each other by name')
    : warn('names', 'dnsmasq is not here', 'install dnsmasq-base: containers find each other by address only now');
}

function egressCheck({ egress }: NetworkFeatures): Check {
  return egress
    ? ok('egress', 'can be restricted')
    : warn('egress', 'cannot be restricted', 'install nftables and dnsmasq-base, for slipway run --egress');
}

/** It is turned on with the first network that leads out, as other engines do, and stays so. */
function forwardingCheck(): Check {
  const isOn = (file: string): boolean => existsSync(file) && readFileSync(file, 'utf8').trim() === '1';
  const [v4, v6] = [isOn('/proc/sys/net/ipv4/ip_forward'), isOn('/proc/sys/net/ipv6/conf/all/forwarding')];
  const word = (on: boolean): string => (on ? 'on' : 'off until a network needs it');
  return ok('forwarding', v4 === v6 ? word(v4) : `IPv4 ${word(v4)}, IPv6 ${word(v6)}`);
}
