import type { PluginStatus } from '@slipway/kernel';
import type { Host } from 'slipway';
import type { Action } from '../command.js';
import { openHostFor } from '../host.js';
import { printable, printableJson } from '../printable.js';
import { table } from '../table.js';

export const pluginsLs: Action = async (invocation) => {
  const { global, output } = invocation;
  await using host = await openHostFor(invocation);
  // Another user could make none of the folders that plugins work in.
  if (process.geteuid?.() === 0) await activateAll(host);
  const plugins = host.kernel.status();
  if (global.json) output.out(`${printableJson(plugins, 2)}\n`);
  else if (global.quiet) output.out(plugins.map(({ address }) => `${printable(address)}\n`).join(''));
  else output.out(table(['POINT', 'ID', 'VERSION', 'STATE', 'WHY OR CAPABILITIES'], plugins.map(row)));
  return 0;
};

/** One that fails or is skipped says so in its status. */
async function activateAll(host: Host): Promise<void> {
  for (const { point, id, state } of host.kernel.status()) {
    if (state === 'available') await host.kernel.get({ id: point }, id).catch(() => undefined);
  }
}

function row({ point, id, version, state, reason, hint, capabilities }: PluginStatus): string[] {
  const measured = Object.entries(capabilities ?? {}).map(([name, value]) => capabilityText(name, value));
  const why = [reason, hint].filter((text) => text !== undefined).join('; ');
  return [point, id, version, state, why === '' ? measured.join(' ') : (why.split('\n')[0] ?? '')];
}

function capabilityText(name: string, value: string | number | boolean | readonly string[]): string {
  if (value === true) return name;
  if (value === false) return `no-${name}`;
  return `${name}=${Array.isArray(value) ? value.join(',') : String(value)}`;
}
