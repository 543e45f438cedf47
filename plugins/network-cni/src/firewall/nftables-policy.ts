import { refusal } from '../errors.js';
import { runTool } from './run-tool.js';

/**
 * A packet passes when every table lets it. Where iptables (of Docker, for one) drops by policy what is forwarded, a table of ours cannot overrule it, and a network would be silent
 * without a word. Errors: `failed-precondition`.
 */
export async function checkForwardPolicy(what: string): Promise<void> {
  for (const family of ['ip', 'ip6']) {
    const result = await runTool(what, 'nft', ['list', 'chain', family, 'filter', 'FORWARD']);
    if (result.code !== 0 || !/hook forward[^;]*; policy drop;/.test(result.output)) continue;
    throw refusal(
      'failed-precondition',
      'NETWORK_FORWARD_DROPPED',
      `${what}: the policy of chain FORWARD in table "${family} filter" (iptables) is to drop, which a table of nftables cannot overrule`,
      'use firewall = "iptables" in the configuration of network-cni, or iptables -P FORWARD ACCEPT',
    );
  }
}
