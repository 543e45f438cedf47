import { isAbsolute } from 'node:path';
import * as v from 'valibot';

const folder = v.pipe(
  v.string(),
  v.check((path) => isAbsolute(path), 'expected an absolute path'),
);

const cidr = v.pipe(v.string(), v.regex(/^[0-9a-fA-F.:]+\/\d{1,3}$/, 'expected a network as 10.88.0.0/16'));

/** The section `network.v1.cni` of a config file. */
export const configSchema = v.strictObject({
  /** Where CNI plugins are; the first that has one. */
  plugin_folders: v.optional(v.array(folder), ['/usr/lib/cni', '/opt/cni/bin']),
  /** Networks of the host's own configuration. */
  config_folder: v.optional(folder, '/etc/cni/net.d'),
  firewall: v.optional(v.picklist(['auto', 'iptables', 'nftables']), 'auto'),
  /** Of the network `bridge`, where it is free. */
  default_subnet: v.optional(cidr, '10.88.0.0/16'),
  /** Other networks get a /24 of one of these, the first that is free. */
  subnet_pools: v.optional(v.array(cidr), ['10.89.0.0/16', '10.90.0.0/15']),
});

export type CniConfig = v.InferOutput<typeof configSchema>;
