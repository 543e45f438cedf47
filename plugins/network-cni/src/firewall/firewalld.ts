import { existsSync } from 'node:fs';
import { nftInterface } from './nft.js';
import { findTool, runTool, toolFailed } from './run-tool.js';

/** Whether firewalld runs this host's packet filter. Without the bus that it is asked by, it cannot. */
export async function isFirewalldRunning(): Promise<boolean> {
  if (findTool('firewall-cmd') === undefined || !existsSync('/run/dbus/system_bus_socket')) return false;
  return (await runTool('ask firewalld', 'firewall-cmd', ['--state'])).code === 0;
}

/** Puts a bridge into the zone `trusted`, until firewalld ends: in any other it rejects what is forwarded. */
export async function trustBridge(what: string, bridge: string): Promise<void> {
  if (!(await isFirewalldRunning())) return;
  nftInterface(bridge);
  const result = await runTool(what, 'firewall-cmd', ['--zone=trusted', `--change-interface=${bridge}`]);
  if (result.code !== 0) throw toolFailed(what, 'firewall-cmd', result);
}
