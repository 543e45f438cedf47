import { SlipwayError } from '@slipway/plugin-api';
import { findTool, needTool, runTool } from '../firewall/run-tool.js';
import { baseLines, restrictedLines, setLines } from './egress-rules.js';

/** All that rules for a container are made of, for one that is not there. Only checked by the kernel, never set. */
const probed = {
  id: 'probe',
  policy: {
    addresses: [],
    subnets: [],
    zones: [{ name: 'probe.invalid', hasSelf: true, hasBelow: false, ports: ['tcp dport 1'] }],
  },
  attachments: [
    { hostInterface: 'lo', mac: '02:00:00:00:00:01', addresses: ['192.0.2.1', '2001:db8::1'], bridgeMac: '02:00:00:00:00:02' },
  ],
  nameservers: ['192.0.2.2'],
  resolverPort: undefined,
  nameSeconds: 1,
  graceSeconds: 1,
} as const;

/** Whether policies can be enforced on this host. Undefined: they can. Otherwise what is missing: `failed-precondition`. */
export async function egressProblem(what: string): Promise<SlipwayError | undefined> {
  for (const tool of ['nft', 'conntrack', 'dnsmasq'] as const) {
    if (findTool(tool) !== undefined) continue;
    try {
      needTool(what, tool);
    } catch (error) {
      return error as SlipwayError;
    }
  }
  const tables = baseLines.filter((line) => line.startsWith('add table'));
  const lines = [...tables, ...setLines(probed), ...baseLines, ...restrictedLines(probed)];
  const result = await runTool(what, 'nft', ['--check', '--file', '-'], `${lines.join('\n')}\n`);
  if (result.code === 0) return undefined;
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'EGRESS_NOT_SUPPORTED',
    message: `${what}: this kernel does not take the rules: ${result.errors.trim().replaceAll(/\s+/g, ' ').slice(0, 400)}`,
    hint: 'it takes nf_tables with its families netdev, bridge and inet, connection tracking and fib (CONFIG_NF_TABLES_NETDEV, CONFIG_NF_TABLES_BRIDGE, CONFIG_NFT_CT, CONFIG_NFT_FIB_INET)',
  });
}
