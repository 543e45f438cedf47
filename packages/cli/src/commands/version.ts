import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, release } from 'node:os';
import { apiVersion } from '@slipway/plugin-api';
import type { Action } from '../command.js';
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
  const require = createRequire(import.meta.url);
  const versionOf = (manifest: string): string =>
    (JSON.parse(readFileSync(require.resolve(manifest), 'utf8')) as { version: string }).version;
  return {
    slipway: versionOf('@slipway/cli/package.json'),
    kernel: versionOf('@slipway/kernel/package.json'),
    pluginApi: versionOf('@slipway/plugin-api/package.json'),
    api: apiVersion,
    node: process.versions.node,
    linux: `${release()} ${arch()}`,
  };
}
