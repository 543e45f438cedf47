import { problemsOf } from '@slipway/kernel';
import type { Host } from 'slipway';
import type { Action, Invocation } from '../command.js';
import { type Check, fail, ok } from '../doctor/check.js';
import { kernelChecks } from '../doctor/kernel-checks.js';
import { machineChecks } from '../doctor/machine-checks.js';
import { pluginChecks } from '../doctor/plugin-checks.js';
import { spaceCheck } from '../doctor/storage-checks.js';
import { openHostFor } from '../host.js';
import { printable, printableJson } from '../printable.js';

export const doctor: Action = async (invocation) => {
  const { global, output } = invocation;
  const isRoot = process.geteuid?.() === 0;
  const checks = [...machineChecks(), ...kernelChecks(isRoot), ...(await hostChecks(invocation, isRoot))];
  const healthy = checks.every(({ status }) => status !== 'fail');
  if (global.json) output.out(`${printableJson({ ok: healthy, checks }, 2)}\n`);
  else output.out(checksText(global.quiet ? checks.filter(({ status }) => status !== 'ok') : checks));
  return healthy ? 0 : 1;
};

async function hostChecks(invocation: Invocation, isRoot: boolean): Promise<Check[]> {
  let host: Host;
  try {
    host = await openHostFor(invocation);
  } catch (error) {
    return problemsOf(error).map(({ message, hint }) => fail('configuration', message, hint ?? 'see slipway config check'));
  }
  await using _ = host;
  const { files, settings } = host.config;
  const configuration = ok('configuration', files.length === 0 ? 'built-in defaults' : files.join(', '));
  const plugins = isRoot ? await pluginChecks(host, invocation.global.stack) : [];
  return [configuration, spaceCheck(settings.root), ...plugins];
}

function checksText(checks: readonly Check[]): string {
  const width = Math.max(0, ...checks.map(({ name }) => name.length));
  return checks
    .map(({ name, status, found, advice }) => {
      const line = `${status.padEnd(4)}  ${name.padEnd(width)}  ${printable(found)}\n`;
      return advice === undefined ? line : `${line}${' '.repeat(width + 8)}-> ${printable(advice)}\n`;
    })
    .join('');
}
