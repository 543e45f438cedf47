import { nftAddress } from '../firewall/nft.js';
import { nameOf, setName, tables } from './egress-rules.js';
import type { Zone } from './policy.js';

/** Seconds after which a program is to ask again; far less than an address stays allowed. */
const longestTtl = 60;

/** Answers names of a policy's zones and no others, and allows an address before it tells it. */
export function resolverArgs(id: string, zones: readonly Zone[], upstreams: readonly string[]): string[] {
  const table = nameOf(tables.inet).replace(' ', '#');
  return [
    '--no-resolv',
    // An answer from memory would not allow its addresses again.
    '--cache-size=0',
    `--max-ttl=${longestTtl}`,
    // Everything else: there is no such name, and nobody is asked.
    '--address=/#/',
    ...zones.flatMap(({ name, hasSelf, hasBelow }) => [
      ...upstreams.map((upstream) => `--server=/${hasSelf ? '' : '*.'}${name}/${nftAddress(upstream)}`),
      ...(hasBelow ? [] : [`--address=/*.${name}/`]),
    ]),
    ...zones.map(
      ({ name }, index) => `--nftset=/${name}/4#${table}#${setName('n', 4, index, id)},6#${table}#${setName('n', 6, index, id)}`,
    ),
  ];
}
