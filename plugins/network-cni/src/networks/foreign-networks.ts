import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Logger, SubnetSettings } from '@slipway/plugin-api';
import { hasCode } from '@slipway/plugin-api';
import * as v from 'valibot';
import { type Conflist, parseConflist } from '../cni/conflist.js';
import { parseAddress, parseCidr } from './addresses.js';

/** A network of the host's own configuration, which is used as it is. */
export interface ForeignNetwork {
  readonly name: string;
  readonly file: string;
  readonly conflist: Conflist;
}

const maxBytes = 1 << 20;

/** In the order of the files' names; of two with one name the first, as other runtimes have it. What cannot be read is told to the log, once each time. */
export function foreignNetworks(folder: string, log: Logger): readonly ForeignNetwork[] {
  const networks = new Map<string, ForeignNetwork>();
  for (const name of filesIn(folder)) {
    const file = path.join(folder, name);
    try {
      const text = readFileSync(file, 'utf8');
      if (text.length > maxBytes) throw new Error(`it has ${text.length} characters, expected at most ${maxBytes}`);
      const conflist = parseConflist(text, file);
      if (!networks.has(conflist.name)) networks.set(conflist.name, { name: conflist.name, file, conflist });
    } catch (error) {
      log.warn(`the network configuration "${file}" is not used`, {
        why: error instanceof Error ? error.message : String(error),
      });
    }
  }
  return [...networks.values()];
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => ['.conf', '.conflist', '.json'].includes(path.extname(name)))
      .sort();
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

const rangeSchema = v.looseObject({
  subnet: v.string(),
  gateway: v.optional(v.string()),
});

/** What the parts say that nearly every IPAM plugin has; others say nothing. */
const ipamSchema = v.looseObject({
  subnet: v.optional(v.string()),
  gateway: v.optional(v.string()),
  ranges: v.optional(v.array(v.array(rangeSchema))),
});

/** Subnets out of which its plugins give addresses, as far as its configuration tells. */
export function foreignSubnets({ conflist }: ForeignNetwork): readonly SubnetSettings[] {
  return conflist.plugins.flatMap((plugin) => {
    const ipam = v.safeParse(ipamSchema, plugin['ipam']);
    if (!ipam.success) return [];
    const { subnet, gateway, ranges = [] } = ipam.output;
    const all = [...(subnet === undefined ? [] : [{ subnet, gateway }]), ...ranges.flat()];
    return all
      .filter((range) => parseCidr(range.subnet) !== undefined)
      .map((range) => ({
        subnet: range.subnet,
        ...(range.gateway !== undefined && parseAddress(range.gateway) !== undefined ? { gateway: range.gateway } : {}),
      }));
  });
}

/** Its bridge on the host, when its first plugin makes one. */
export function foreignBridge({ conflist }: ForeignNetwork): string | undefined {
  const plugin = conflist.plugins.find(({ type }) => type === 'bridge');
  const name = plugin?.['bridge'];
  return plugin === undefined ? undefined : typeof name === 'string' ? name : 'cni0';
}
