import type { DeviceSettings, RlimitSettings } from '@slipway/plugin-api';
import { type Flags, integer, parsedAll } from './flags.js';

/** Docker's `--device SOURCE[:TARGET][:PERMISSIONS]`. */
export function devicesOf(flags: Flags): readonly DeviceSettings[] | undefined {
  return parsedAll(flags, 'device', parseDevice, '/dev/NAME[:/TARGET][:rwm], absolute paths');
}

function parseDevice(text: string): DeviceSettings | undefined {
  const [source = '', ...rest] = text.split(':');
  const permissions = /^[rwm]+$/.test(rest.at(-1) ?? '') ? rest.pop() : undefined;
  const [target, ...more] = rest;
  if (!source.startsWith('/') || more.length > 0 || (target !== undefined && !target.startsWith('/'))) return undefined;
  return { source, ...(target === undefined ? {} : { target }), ...(permissions === undefined ? {} : { permissions }) };
}

/** Docker's `--ulimit NAME=SOFT[:HARD]`; -1 and `unlimited` are no limit. */
export function rlimitsOf(flags: Flags): readonly RlimitSettings[] | undefined {
  return parsedAll(flags, 'ulimit', parseRlimit, 'NAME=SOFT[:HARD], as in nofile=1024:4096; -1 for no limit');
}

function parseRlimit(text: string): RlimitSettings | undefined {
  const [, name, softText, hardText = softText] = /^([a-zA-Z_]+)=([^:]+)(?::([^:]+))?$/.exec(text) ?? [];
  if (name === undefined || softText === undefined || hardText === undefined) return undefined;
  const [soft, hard] = [limit(softText), limit(hardText)];
  return soft === undefined || hard === undefined ? undefined : { name, soft, hard };
}

function limit(text: string): number | undefined {
  return text === 'unlimited' ? -1 : integer(text, -1);
}
