import type { RuntimeResources } from '@slipway/plugin-api';

type DeviceRule = NonNullable<RuntimeResources['devices']>[number];

const character = (major: number, minor: number): DeviceRule => ({ allow: true, type: 'c', major, minor, access: 'rwm' });

/**
 * Nothing but what Docker allows. The runtime adds the devices it creates itself (runtime-spec, "Default Devices"), mknod of
 * any device, and the container's own pseudo-terminals.
 */
export const defaultDeviceRules: readonly DeviceRule[] = [
  { allow: false, access: 'rwm' },
  character(1, 3), // null
  character(1, 5), // zero
  character(1, 8), // random
  character(1, 9), // urandom
  character(5, 0), // tty
  character(5, 1), // console
];
