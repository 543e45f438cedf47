import { readlinkSync } from 'node:fs';
import path from 'node:path';
import type { RuntimeStats } from '@slipway/plugin-api';
import { hasCode, wrapError } from '@slipway/plugin-api';
import { readKernelFile } from './kernel-file.js';

/** Sums of the interfaces but loopback in a text of /proc/PID/net/dev: after two lines of headings `name: 8 fields of receiving, 8 of sending`. */
export function parseNetDev(text: string): NonNullable<RuntimeStats['network']> {
  let receivedBytes = 0n;
  let sentBytes = 0n;
  for (const line of text.split('\n').slice(2)) {
    const match = /^\s*([^\s]+):((?:\s*\d+){9})/.exec(line);
    if (match === null || match[1] === 'lo') continue;
    const fields = (match[2] ?? '').trim().split(/\s+/);
    receivedBytes += BigInt(fields[0] ?? 0);
    sentBytes += BigInt(fields[8] ?? 0);
  }
  return { receivedBytes, sentBytes };
}

/** Of a process' network namespace; undefined when that is ours, or the process has ended. */
export function readNetwork(pid: number, root = '/'): RuntimeStats['network'] {
  const proc = path.join(root, 'proc');
  try {
    if (readlinkSync(path.join(proc, String(pid), 'ns/net')) === readlinkSync(path.join(proc, 'self/ns/net'))) return undefined;
    const text = readKernelFile(path.join(proc, String(pid), 'net/dev'));
    return text === undefined ? undefined : parseNetDev(text);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH', 'EINVAL')) return undefined;
    throw wrapError(`Reading the network of process ${pid}`, error);
  }
}
