import { arch, release } from 'node:os';
import { apiVersion } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { ownVersion, versionOf } from '../own-version.js';
import { printableJson } from '../printable.js';

export const version: Action = async ({ global, output }) => {
  const versions = readVersions();
  if (global.json) output.out(`${printableJson(versions, 2)}\n`);
  else if (global.quiet) output.out(`${versions.slipway}\n`);
  else {
    const rows = Object.entries(versions);
    const width = Math.max(...rows.map(([name]) => name.length));
    output.out(rows.map(([name, value]) => `${name.padEnd(width)}   ${value}\n`).join(''));
  }
  return 0;
};

/** `api` is the version of the contracts that plugins are built against; `kernel` that of the microkernel. */
function readVersions(): Readonly<Record<'slipway' | 'kernel' | 'pluginApi' | 'api' | 'node' | 'linux', string>> {
  return {
    slipway: ownVersion(),
    kernel: versionOf('@slipway/kernel'),
    pluginApi: versionOf('@slipway/plugin-api'),
    api: apiVersion,
    node: process.versions.node,
    linux: `${release()} ${arch()}`,
  };
}
