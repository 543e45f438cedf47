import path from 'node:path';
import type { CniConfig } from './config.js';
import type { Services } from './services.js';

/** `state` is a folder that does not outlive a boot. Loaded with the first change of a network: a look needs none of it. */
export async function openServices({ firewall }: CniConfig, state: string): Promise<Services> {
  const [{ openFirewall }, { DnsmasqNames }, { NftEgress }] = await Promise.all([
    import('./firewall/firewall.js'),
    import('./names/dnsmasq-names.js'),
    import('./egress/nft-egress.js'),
  ]);
  return {
    firewall: await openFirewall(firewall),
    names: new DnsmasqNames(path.join(state, 'names')),
    egress: new NftEgress(path.join(state, 'egress')),
  };
}
