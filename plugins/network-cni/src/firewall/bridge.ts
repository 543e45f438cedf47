import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { hasCode, wrapError } from '@slipway/plugin-api';
import * as v from 'valibot';
import { hasInterface } from '../networks/host-routes.js';
import type { OwnNetwork } from '../networks/own-network.js';
import { isVersion6, nftAddress, nftInterface, nftMac } from './nft.js';
import { runTool, toolFailed, useTool } from './run-tool.js';

/**
 * Makes a network's bridge before any plugin does, so that its settings hold from its first packet on. It has a hardware address of its own: that of a bridge without one is
 * that of one of its ports, and changes with them, while containers remember it. True when it was not there before.
 */
export async function makeBridge({ name, bridge, mtu, subnets }: OwnNetwork): Promise<boolean> {
  const what = `make the bridge of network "${name}"`;
  nftInterface(bridge);
  const isNew = !hasInterface(bridge);
  if (isNew) {
    const settings = ['address', bridgeMac(bridge), 'mtu', String(mtu), 'up'];
    const result = await runTool(what, 'ip', ['link', 'add', 'name', bridge, ...settings, 'type', 'bridge']);
    if (result.code !== 0 && !result.errors.includes('File exists')) throw toolFailed(what, 'ip', result);
    // The plugin was faster, which makes one without an address of its own.
    if (result.code !== 0) await useTool(what, 'ip', ['link', 'set', 'dev', bridge, ...settings]);
  }
  if (subnets.some(({ subnet }) => isVersion6(subnet))) {
    // What a container announces as a router is not for the host (CVE-2020-13401).
    writeSetting(`ipv6/conf/${bridge}/accept_ra`, '0');
  }
  return isNew;
}

export interface HostLink {
  readonly name: string;
  readonly mac: string;
  /** The bridge that it is on. */
  readonly bridge: string | undefined;
  /** Without prefix lengths; link-local ones are left out. */
  readonly addresses: readonly string[];
}

/** An interface of the host. */
export async function hostLink(what: string, name: string): Promise<HostLink> {
  nftInterface(name);
  const output = await useTool(what, 'ip', ['-json', 'address', 'show', 'dev', name]);
  const [link] = v.parse(linkSchema, JSON.parse(output));
  const addresses = link.addr_info.filter(({ scope }) => scope === 'global').map(({ local }) => nftAddress(local));
  return { name, mac: nftMac(link.address), bridge: link.master, addresses };
}

const linkSchema = v.looseTuple([
  v.object({
    address: v.string(),
    master: v.exactOptional(v.string()),
    addr_info: v.array(v.object({ local: v.string(), scope: v.string() })),
  }),
]);

/** A bridge whose hardware address is its own from now on. */
export async function pinnedBridge(what: string, name: string): Promise<HostLink> {
  const link = await hostLink(what, name);
  if (link.mac !== bridgeMac(name)) await useTool(what, 'ip', ['link', 'set', 'dev', name, 'address', link.mac]);
  return link;
}

export async function removeBridge({ name, bridge }: OwnNetwork): Promise<void> {
  const what = `remove the bridge of network "${name}"`;
  nftInterface(bridge);
  const result = await runTool(what, 'ip', ['link', 'delete', 'dev', bridge, 'type', 'bridge']);
  if (result.code !== 0 && hasInterface(bridge)) throw toolFailed(what, 'ip', result);
}

/** Locally administered; the same each time, so that a bridge that is made again is still known. */
function bridgeMac(bridge: string): string {
  const bytes = createHash('sha256').update(`slipway bridge ${bridge}`).digest().subarray(0, 6);
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02;
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Lets the host forward what containers send and get. */
export async function turnForwardingOn(what: string, { subnets, internal, bridge }: OwnNetwork): Promise<void> {
  if (subnets.some(({ subnet }) => !isVersion6(subnet))) {
    if (internal) writeSetting(`ipv4/conf/${bridge}/forwarding`, '1');
    else writeSetting('ipv4/ip_forward', '1');
  }
  if (!internal && subnets.some(({ subnet }) => isVersion6(subnet))) await forwardVersion6(what);
}

/**
 * A host that forwards no longer takes its own default route from announcements, unless told to (`accept_ra` 2). So that is said first, for the interfaces that have such a route now, and for no other.
 */
export async function forwardVersion6(what: string): Promise<void> {
  if (readSetting('ipv6/conf/all/forwarding') === '1') return;
  for (const device of await announcedRoutes(what)) {
    const setting = `ipv6/conf/${device}/accept_ra`;
    if (readSetting(setting) !== '1') continue;
    try {
      writeSetting(setting, '2');
    } catch (error) {
      // The interface has gone meanwhile, and its route with it.
      if (readSetting(setting) !== undefined) throw error;
    }
  }
  writeSetting('ipv6/conf/all/forwarding', '1');
}

async function announcedRoutes(what: string): Promise<string[]> {
  const output = await useTool(what, 'ip', ['-6', '-json', 'route', 'show', 'default', 'proto', 'ra']);
  const routes = JSON.parse(output.trim() === '' ? '[]' : output) as readonly { readonly dev?: unknown }[];
  return [...new Set(routes.flatMap(({ dev }) => (typeof dev === 'string' ? [dev] : [])))];
}

/** Undefined where this kernel has no such setting. */
export function readSetting(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/net/${name}`, 'utf8').trim();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw wrapError(`read the kernel's setting "net/${name}"`, error);
  }
}

export function writeSetting(name: string, value: string): void {
  if (readSetting(name) === value) return;
  try {
    writeFileSync(`/proc/sys/net/${name}`, value);
  } catch (error) {
    throw wrapError(`set the kernel's "net/${name}" to ${value}`, error);
  }
}
