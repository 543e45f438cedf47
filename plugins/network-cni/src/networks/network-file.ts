import { closeSync, constants, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { hasCode } from '@slipway/plugin-api';
import * as v from 'valibot';
import { type Conflist, parseConflist } from '../cni/conflist.js';
import { networkDamaged } from '../errors.js';
import { formatAddress, lastOf, parseAddress, parseCidr } from './addresses.js';
import type { OwnNetwork } from './own-network.js';

const cidr = v.pipe(
  v.string(),
  v.check((text) => parseCidr(text, { strict: true }) !== undefined, 'that is no network'),
);
const address = v.pipe(
  v.string(),
  v.check((text) => parseAddress(text) !== undefined, 'that is no address'),
);
const texts = v.record(v.string(), v.string());

/** An interface's name, as the kernel takes it. */
export const interfacePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/;

/** Our own key in a configuration. */
export const ownSchema = v.object({
  version: v.literal(1),
  bridge: v.pipe(v.string(), v.regex(interfacePattern)),
  subnets: v.pipe(
    v.array(v.object({ subnet: cidr, gateway: address, range: v.exactOptional(cidr) })),
    v.minLength(1),
    v.maxLength(2),
  ),
  internal: v.boolean(),
  mtu: v.pipe(v.number(), v.integer(), v.minValue(68), v.maxValue(65535)),
  labels: texts,
  options: texts,
  createdAt: v.string(),
});

export interface NetworkFile {
  readonly own: OwnNetwork;
  readonly conflist: Conflist;
}

/** The configuration of a network of ours, which other programs that use CNI would understand, but for the addresses' folder. */
export function conflistOf({ name, file: _, ...own }: OwnNetwork): Conflist & { readonly slipway: unknown } {
  const ranges = own.subnets.map(({ subnet, gateway, range }) => [
    { subnet, gateway, ...(range === undefined ? {} : rangeEnds(range, subnet)) },
  ]);
  const bridge = {
    type: 'bridge',
    bridge: own.bridge,
    isGateway: true,
    hairpinMode: true,
    mtu: own.mtu,
    capabilities: { ips: true, mac: true },
    ipam: {
      type: 'host-local',
      ranges,
      routes: own.internal ? [] : own.subnets.map(({ subnet }) => ({ dst: subnet.includes(':') ? '::/0' : '0.0.0.0/0' })),
    },
  };
  return { cniVersion: '1.0.0', name, plugins: [bridge], slipway: { version: 1, ...own } };
}

/** Of a name that is free; flushed. False when it is taken by now. */
export function writeNetworkFile(own: OwnNetwork): boolean {
  const folder = path.dirname(own.file);
  const temporary = path.join(folder, `.${own.name}.${process.pid}.new`);
  rmSync(temporary, { force: true });
  const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    writeFileSync(fd, `${JSON.stringify(conflistOf(own), undefined, 2)}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  try {
    // A rename would replace what another one has made.
    linkSync(temporary, own.file);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
    syncFolder(folder);
  }
}

export function removeNetworkFile(file: string): void {
  rmSync(file, { force: true });
  syncFolder(path.dirname(file));
}

/** Undefined when there is none. Errors: `data-loss`. */
export function readNetworkFile(name: string, file: string): NetworkFile | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    const conflist = parseConflist(text, file);
    if (conflist.name !== name) throw new Error(`its name is "${conflist.name}"`);
    const { version: _, ...own } = v.parse(ownSchema, conflist['slipway']);
    return { own: { name, file, ...own }, conflist };
  } catch (error) {
    throw networkDamaged(name, file, error);
  }
}

/** As host-local takes it: its first address that can be given out, and its last. */
function rangeEnds(range: string, subnet: string): { readonly rangeStart?: string; readonly rangeEnd?: string } {
  const [part, whole] = [parseCidr(range), parseCidr(subnet)];
  if (part === undefined || whole === undefined) return {};
  const { family } = part;
  const first = part.base === whole.base ? part.base + 1n : part.base;
  const last = family === 4 && lastOf(part) === lastOf(whole) ? lastOf(part) - 1n : lastOf(part);
  return { rangeStart: formatAddress(family, first), rangeEnd: formatAddress(family, last) };
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
