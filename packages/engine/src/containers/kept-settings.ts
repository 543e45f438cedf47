import {
  type ContainerSettings,
  type CreateContainerOptions,
  type RunOptions,
  SlipwayError,
  wrapError,
} from '@slipway/plugin-api';
import { parseContainerId, parseSignal } from '../bundle/index.js';
import { checkNetwork } from '../networks/check.js';
import { plainNetwork } from '../networks/mode.js';
import { checkTypes } from './option-types.js';

/** What of the options describes the container, and is kept with it: plain data. */
export function keptSettings(options: CreateContainerOptions | RunOptions): ContainerSettings {
  const settings: Record<string, unknown> = { ...options };
  for (const name of notKept) delete settings[name];
  if (options.network !== undefined) settings['network'] = plainNetwork(options.network);
  try {
    return JSON.parse(JSON.stringify(settings)) as ContainerSettings;
  } catch (error) {
    throw wrapError('settings of a container, which must be plain data', error);
  }
}

const notKept = [
  ...['image', 'name', 'removeAtExit', 'pull', 'platform', 'signal', 'onProgress'],
  ...['detach', 'dieWithParent', 'stdin', 'stdout', 'stderr', 'onCreated'],
] as const satisfies readonly (keyof RunOptions)[];

/** Before anything is obtained or made: types, name and lifecycle. The rest is checked where it is turned into config.json. Errors: `invalid-argument`. */
export function checkOptions(options: CreateContainerOptions, defaultNetwork: string): void {
  checkTypes('run', options);
  checkNetwork({ ...options, network: plainNetwork(options.network) }, defaultNetwork);
  if (options.name !== undefined) parseContainerId(options.name);
  checkLifecycle(options, options.removeAtExit ?? false);
}

export function checkLifecycle(settings: ContainerSettings, removeAtExit: boolean): void {
  const { restart, stopTimeoutMs, log } = settings;
  if (settings.stopSignal !== undefined) parseSignal(settings.stopSignal);
  if (stopTimeoutMs !== undefined && stopTimeoutMs !== -1) requireCount('stopTimeoutMs', stopTimeoutMs, 0);
  if (restart !== undefined) {
    const { name, maximumRetries } = restart;
    if (!policies.has(name)) throw invalid('restart', name, [...policies].join(', '));
    if (maximumRetries !== undefined && name !== 'on-failure')
      throw invalid('restart.maximumRetries', maximumRetries, 'none: it belongs to the policy on-failure');
    if (maximumRetries !== undefined) requireCount('restart.maximumRetries', maximumRetries, 0, most.retries);
    if (name !== 'no' && removeAtExit) {
      throw new SlipwayError({
        kind: 'invalid-argument',
        code: 'CONTAINER_OPTIONS_CONFLICT',
        message: `restart policy "${name}" is for a container that stays, and this one is removed when it ends`,
        hint: 'leave out one of --restart and --rm',
      });
    }
  }
  if (log?.driver !== undefined && log.driver !== 'file' && log.driver !== 'none')
    throw invalid('log.driver', log.driver, 'file or none');
  if (log?.maxSize !== undefined) requireCount('log.maxSize', log.maxSize, 1, most.logBytes);
  if (log?.maxFiles !== undefined) requireCount('log.maxFiles', log.maxFiles, 1, most.logFiles);
  for (const [name, value] of Object.entries(settings.labels ?? {}))
    if (name === '' || typeof value !== 'string') throw invalid('label', name, 'a name and a text');
}

const policies: ReadonlySet<string> = new Set(['no', 'on-failure', 'always', 'unless-stopped']);

/** What the monitor takes. */
const most = { retries: 0x7fff_ffff, logBytes: 0x7fff_ffff_ffff, logFiles: 10_000 } as const;

export function requireCount(what: string, value: number, least: number, most: number = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isSafeInteger(value) || value < least) throw invalid(what, value, `a whole number, at least ${least}`);
  if (value > most) throw invalid(what, value, `a whole number, at most ${most}`);
}

export function invalid(what: string, found: unknown, expected: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'CONTAINER_OPTION_INVALID',
    message: `${what} of a container is ${JSON.stringify(found)}, expected ${expected}`,
    details: { option: what },
  });
}
