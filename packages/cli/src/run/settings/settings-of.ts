import type { ContainerSettings, MountSettings, NamespaceSettings, RuntimeHooks } from '@slipway/plugin-api';
import { parseByteSize } from '../../byte-size.js';
import type { OptionValues } from '../../command.js';
import { envFileEntries, ownValue } from '../env.js';
import { parseMountFlag, parseTmpfsFlag, parseVolumeFlag } from '../mount-grammar.js';
import { devicesOf, rlimitsOf } from './devices.js';
import { readFlagFile, readFlagJson } from './flag-file.js';
import { type Flags, integer, listed, parsed, switched } from './flags.js';
import { limitsOf } from './limits.js';
import { networkSettingsOf } from './network.js';
import { labelsOf, pairsOf } from './pairs.js';
import { securityOf } from './security.js';
import { supervisionOf } from './supervision.js';

/**
 * What the flags of `settings-options.ts` say a container is to be like, for `run` and `create` alike. What is a file or an environment
 * variable here is read here; what depends on image and host is the engine's to check. Errors: wrong use, with flag, text and what was expected.
 */
export function settingsOf(options: OptionValues, command: string): ContainerSettings {
  const flags: Flags = { command, options };
  return given({
    ...processOf(flags),
    hostname: options.text('hostname'),
    domainname: options.text('domainname'),
    ...networkSettingsOf(flags),
    namespaces: namespacesOf(flags),
    labels: labelsOf(flags),
    annotations: pairsOf(flags, 'annotation', { bare: true }),
    readOnly: switched(flags, 'read-only'),
    mounts: mountsOf(flags),
    shmSize: parsed(flags, 'shm-size', (text) => parseByteSize(text) || undefined, 'a size such as 64m'),
    devices: devicesOf(flags),
    deviceRules: listed(flags, 'device-cgroup-rule'),
    capAdd: listed(flags, 'cap-add'),
    capDrop: listed(flags, 'cap-drop'),
    privileged: switched(flags, 'privileged'),
    ...securityOf(flags),
    sysctls: pairsOf(flags, 'sysctl', { bare: false }),
    hooks: hooksOf(flags),
    limits: limitsOf(flags),
    cgroupParent: options.text('cgroupParent'),
    ...supervisionOf(flags),
  });
}

function processOf(flags: Flags): ContainerSettings {
  const { options } = flags;
  const entrypoint = options.text('entrypoint');
  const env = [
    ...options.list('envFile').flatMap((file) => envFileEntries(file, readFlagFile('env-file', file), process.env)),
    ...options.list('env').flatMap((entry) => ownValue(entry, process.env)),
  ];
  return {
    env: env.length === 0 ? undefined : env,
    workdir: options.text('workdir'),
    user: options.text('user'),
    groups: listed(flags, 'group-add'),
    entrypoint: entrypoint === undefined ? undefined : entrypoint === '' ? [] : [entrypoint],
    rlimits: rlimitsOf(flags),
    oomScoreAdj: parsed(
      flags,
      'oom-score-adj',
      (text) => {
        const score = integer(text, -1000);
        return score !== undefined && score <= 1000 ? score : undefined;
      },
      'a number from -1000 to 1000',
    ),
    init: switched(flags, 'init'),
    stopSignal: options.text('stopSignal'),
  };
}

function namespacesOf({ options }: Flags): NamespaceSettings | undefined {
  const namespaces = given({
    pid: options.text('pid'),
    ipc: options.text('ipc'),
    uts: options.text('uts') as NamespaceSettings['uts'],
    cgroup: options.text('cgroupns') as NamespaceSettings['cgroup'],
  });
  return Object.keys(namespaces).length === 0 ? undefined : namespaces;
}

function mountsOf({ options }: Flags): readonly MountSettings[] | undefined {
  const mounts = [
    ...options.list('volume').map((text) => parseVolumeFlag(text)),
    ...options.list('mount').map((text) => parseMountFlag(text)),
    ...options.list('tmpfs').map((text) => parseTmpfsFlag(text)),
  ];
  return mounts.length === 0 ? undefined : mounts;
}

/** What is in the file is checked where it is used. */
function hooksOf({ options }: Flags): RuntimeHooks | undefined {
  const file = options.text('hooks');
  return file === undefined ? undefined : (readFlagJson('hooks', file) as RuntimeHooks);
}

/** Without what was not given: settings are kept, and shown. */
function given<T extends object>(settings: T): T {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as T;
}
