import { existsSync } from 'node:fs';
import type { NetworkFeatures } from '@slipway/plugin-api';
import { findProgram } from './cni/chain.js';
import { run } from './command.js';
import type { CniConfig } from './config.js';
import { egressProblem } from './egress/probe.js';
import { firewallKind } from './firewall/firewall.js';
import { findTool } from './firewall/run-tool.js';

export async function measuredFeatures({ plugin_folders, firewall }: CniConfig): Promise<NetworkFeatures> {
  return {
    version: await pluginsVersion(plugin_folders),
    firewall: firewallKind(firewall) ?? 'none',
    // Not there when the kernel was started without it.
    ipv6: existsSync('/proc/sys/net/ipv6'),
    names: findTool('dnsmasq') !== undefined,
    egress: (await egressProblem('measure what networks can do')) === undefined,
  };
}

/** The plugins say it when they are started for nothing. */
async function pluginsVersion(folders: readonly string[]): Promise<string> {
  let program: string;
  try {
    program = findProgram('bridge', folders);
  } catch {
    return 'cni, not installed';
  }
  const { output, errors } = await run(program, []);
  const said = `${errors}\n${output}`;
  // Distributions build them without a version of their own: then it is that of the newest specification.
  const version = /plugin v?(\d\S*)/.exec(said)?.[1] ?? /supported: .*?([\d.]+)$/m.exec(said)?.[1];
  return version === undefined ? 'cni' : `cni ${version}`;
}
