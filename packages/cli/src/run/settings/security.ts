import type { ContainerSettings } from '@slipway/plugin-api';
import { readFlagJson } from './flag-file.js';
import { type Flags, refusedFlag } from './flags.js';

type Security = Pick<ContainerSettings, 'seccomp' | 'noNewPrivileges' | 'maskedPaths' | 'readonlyPaths' | 'mask' | 'unmask'>;

const expected =
  'no-new-privileges, seccomp=FILE, seccomp=default, seccomp=unconfined, systempaths=unconfined, mask=PATH[:PATH...] or unmask=ALL or PATH[:PATH...]';

/** Docker's `--security-opt`, and podman's `mask` and `unmask`. */
export function securityOf(flags: Flags): Security {
  const all = flags.options.list('securityOpt').map((text) => securityOption(flags, text));
  const paths = (key: 'mask' | 'unmask') => all.flatMap((one) => one[key] ?? []);
  const [mask, unmask] = [paths('mask'), paths('unmask')];
  return {
    ...Object.assign({}, ...all),
    ...(mask.length === 0 ? {} : { mask }),
    ...(unmask.length === 0 ? {} : { unmask }),
  };
}

function securityOption(flags: Flags, text: string): Security {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  const value = equals < 0 ? undefined : text.slice(equals + 1);
  switch (name) {
    case 'no-new-privileges':
      if (value === undefined || value === 'true') return { noNewPrivileges: true };
      if (value === 'false') return { noNewPrivileges: false };
      break;
    case 'seccomp':
      if (value === 'unconfined' || value === 'default') return { seccomp: value };
      // What is in it is checked where it is used.
      if (value) return { seccomp: readFlagJson('security-opt', value) as Security['seccomp'] };
      break;
    case 'systempaths':
      if (value === 'unconfined') return { maskedPaths: false, readonlyPaths: false };
      break;
    case 'mask':
    case 'unmask':
      if (name === 'unmask' && value === 'ALL') return { unmask: ['/'] };
      if (value?.split(':').every((path) => path.startsWith('/'))) return { [name]: value.split(':') };
      break;
  }
  throw refusedFlag(flags, 'security-opt', text, expected);
}
