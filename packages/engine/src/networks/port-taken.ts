import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import path from 'node:path';
import { type PublishedPort, SlipwayError } from '@slipway/plugin-api';
import { lookUp } from '../containers/find.js';
import type { EngineParts } from '../settings.js';
import { describePort } from './ports.js';
import { readNetworkRecord } from './record.js';

type HostPort = Omit<PublishedPort, 'containerPort'>;

interface Owner {
  readonly text: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly hint: string;
}

/** Names who has it, as far as that can be seen. */
export function portTaken(parts: Pick<EngineParts, 'settings' | 'metadata'>, port: HostPort, cause: unknown): SlipwayError {
  const owner = containerWith(parts, port) ?? programWith(port);
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'PORT_IN_USE',
    message: `port ${describePort(port)} of this host is in use${owner === undefined ? '' : ` by ${owner.text}`}`,
    hint: owner?.hint ?? '`ss -ltnup` lists what listens; choose another port, or none for a free one',
    cause,
    details: { ...port, ...owner?.details },
  });
}

function containerWith({ settings, metadata }: Pick<EngineParts, 'settings' | 'metadata'>, wanted: HostPort): Owner | undefined {
  for (const id of namesIn(path.join(settings.state, 'containers'))) {
    if (!portsOf(settings.state, id).some((port) => overlaps(port, wanted))) continue;
    const name = metadata.read((tx) => lookUp(tx, id))?.row.name ?? id.slice(0, 12);
    return {
      text: `container ${JSON.stringify(name)}`,
      details: { container: id, name },
      hint: `slipway stop ${name}, or choose another port`,
    };
  }
  return undefined;
}

/** Of a record that cannot be read, which is no reason to say nothing. */
function portsOf(state: string, id: string): readonly PublishedPort[] {
  try {
    return readNetworkRecord(state, id)?.ports ?? [];
  } catch {
    return [];
  }
}

function overlaps(one: HostPort, other: HostPort): boolean {
  if (one.protocol !== other.protocol || one.hostPort !== other.hostPort) return false;
  if (isIPv6(one.hostAddress) !== isIPv6(other.hostAddress)) return false;
  return (
    one.hostAddress === other.hostAddress ||
    [one.hostAddress, other.hostAddress].some((address) => address === '0.0.0.0' || address === '::')
  );
}

/** proc(5): sockets by their inode, and in each process' descriptors which inodes it has. One that ends meanwhile is nobody. */
function programWith(port: HostPort): Owner | undefined {
  const inodes = new Set(socketsOn(port));
  if (inodes.size === 0) return undefined;
  for (const pid of namesIn('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of namesIn(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(readLink(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode === undefined || !inodes.has(inode)) continue;
      const program = readText(`/proc/${pid}/comm`).trim();
      return {
        text: `process ${pid} (${program})`,
        details: { pid: Number(pid), program },
        hint: 'end it, or choose another port',
      };
    }
  }
  return undefined;
}

/** A server on `::` may have the port of IPv4, too. */
function socketsOn({ protocol, hostPort }: HostPort): string[] {
  const ending = `:${hostPort.toString(16).toUpperCase().padStart(4, '0')}`;
  return [protocol, `${protocol}6`].flatMap((table) =>
    readText(`/proc/self/net/${table}`)
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
        // 0A listens; 07 is every UDP socket that is bound.
        return local.endsWith(ending) && (state === '0A' || state === '07') ? [inode] : [];
      }),
  );
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readLink(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
