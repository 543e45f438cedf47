import type { Firewall } from '../services.js';
import { findTool, needTool } from './run-tool.js';

/** `auto`: iptables where it is installed, because whoever has it may have a policy in it that other tables cannot overrule. Undefined: there is neither. */
export function firewallKind(wanted: 'auto' | Firewall['kind']): Firewall['kind'] | undefined {
  if (wanted !== 'nftables' && findTool('iptables') !== undefined) return 'iptables';
  if (wanted !== 'iptables' && findTool('nft') !== undefined) return 'nftables';
  return undefined;
}

/** Errors: `failed-precondition`, with the package to install. */
export async function openFirewall(wanted: 'auto' | Firewall['kind']): Promise<Firewall> {
  const what = `open the firewall "${wanted}"`;
  const kind = firewallKind(wanted);
  if (kind === undefined) needTool(what, wanted === 'iptables' ? 'iptables' : 'nft');
  if (kind === 'iptables') return (await import('./iptables-firewall.js')).iptablesFirewall;
  return (await import('./nftables-firewall.js')).nftablesFirewall;
}
