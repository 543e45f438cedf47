import type { ContainerSettings, RuntimeDevice, RuntimeResources } from '@slipway/plugin-api';
import { invalid, quote } from '../invalid.js';
import { defaultDeviceRules } from './default-rules.js';
import { allHostDevices, devicesOf } from './host-device.js';

type DeviceRule = NonNullable<RuntimeResources['devices']>[number];

export interface ContainerDevices {
  readonly devices: readonly RuntimeDevice[];
  /** Of the device cgroup, in order. */
  readonly rules: readonly DeviceRule[];
}

/**
 * Devices and what may be done with them; the last at a place wins. A privileged container has all that are there now, and may use any.
 * Errors: as of {@link devicesOf}; `DEVICE_RULE_INVALID`.
 */
export function containerDevices(settings: Pick<ContainerSettings, 'privileged' | 'devices' | 'deviceRules'>): ContainerDevices {
  const asked = (settings.devices ?? []).map((device) => ({
    found: devicesOf(device),
    access: parseAccess(device.permissions ?? 'rwm', `Device ${quote(device.source)}`),
  }));
  const given = (settings.deviceRules ?? []).map(parseRule);
  const all = [...(settings.privileged ? allHostDevices() : []), ...asked.flatMap(({ found }) => found)];
  const devices = [...new Map(all.map((device) => [device.path, device])).values()];
  if (settings.privileged) return { devices, rules: [{ allow: true, access: 'rwm' }] };
  const rules = asked.flatMap(({ found, access }) => found.map((device) => ruleFor(device, access)));
  return { devices, rules: [...defaultDeviceRules, ...rules, ...given] };
}

function ruleFor({ type, major, minor }: RuntimeDevice, access: string): DeviceRule {
  return { allow: true, type, ...(major === undefined ? {} : { major }), ...(minor === undefined ? {} : { minor }), access };
}

function parseAccess(text: string, what: string): string {
  if (!/^[rwm]{1,3}$/.test(text) || new Set(text).size !== text.length)
    throw invalid('DEVICE_RULE_INVALID', `${what}: permissions are ${quote(text)}, expected some of "rwm", each once`, {
      hint: 'r reads, w writes, m makes the device',
    });
  return text;
}

/** `c 1:3 rwm`, `b 8:* r`, `a *:* rwm`. With `a` the kernel passes over numbers, which would allow everything. */
function parseRule(text: string): DeviceRule {
  const [, type, major, minor, access] = /^([abc]) (\d{1,10}|\*):(\d{1,10}|\*) (\S+)$/.exec(text) ?? [];
  if (type === undefined || major === undefined || minor === undefined || access === undefined)
    throw wrong(text, 'is not TYPE MAJOR:MINOR PERMISSIONS');
  if (type === 'a' && (major !== '*' || minor !== '*')) throw wrong(text, 'has numbers for devices of all types');
  const number = (field: 'major' | 'minor', value: string) => (value === '*' ? {} : { [field]: checkNumber(text, value) });
  return {
    allow: true,
    type,
    ...number('major', major),
    ...number('minor', minor),
    access: parseAccess(access, `Device rule ${quote(text)}`),
  };
}

function checkNumber(rule: string, value: string): number {
  const number = Number(value);
  if (number > 0xffff_ffff) throw wrong(rule, `has the number ${value}, which no device has`);
  return number;
}

function wrong(text: string, why: string) {
  return invalid('DEVICE_RULE_INVALID', `Device rule ${quote(text)} ${why}`, { hint: 'as in: c 10:200 rwm, or b 8:* r' });
}
