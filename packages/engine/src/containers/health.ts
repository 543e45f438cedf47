import { type HealthProbe, type HealthSettings, type ImageConfig, SlipwayError } from '@slipway/plugin-api';
import { checkExecString } from '../bundle/invalid.js';
import { invalid, requireCount } from './kept-settings.js';

const nanosecondsInMs = 1_000_000;

/** What the monitor takes. */
const most = {
  intervalMs: 2_592_000_000,
  timeoutMs: 3_600_000,
  startPeriodMs: 2_592_000_000,
  startIntervalMs: 2_592_000_000,
  retries: 1_000_000,
} as const satisfies Record<Exclude<keyof HealthProbe, 'args'>, number>;
/** Each probe takes the host tens of milliseconds that no limit of the container counts: how many of them is not for an image to say. */
const shortestImageMs = 100;

/** Docker's. */
const defaults = { intervalMs: 30_000, timeoutMs: 30_000, startPeriodMs: 0, startIntervalMs: 5_000, retries: 3 };

/**
 * The image's Healthcheck under the settings; undefined when there is none. A time of 0 in an image is the default, as with Docker; what it has beyond the bounds is the
 * bound. Errors: `invalid-argument`.
 */
export function healthProbe(settings: HealthSettings | false | undefined, image: ImageConfig): HealthProbe | undefined {
  if (settings === false) return undefined;
  for (const name of ['intervalMs', 'timeoutMs', 'startPeriodMs', 'startIntervalMs', 'retries'] as const) {
    const value = settings?.[name];
    if (value !== undefined) requireCount(`health.${name}`, value, name === 'startPeriodMs' ? 0 : 1, most[name]);
  }
  if (settings?.command?.length === 0) throw invalid('health.command', [], 'an argv');
  const own = imageProbe(image);
  const args = settings?.command ?? own?.args;
  if (args === undefined) {
    if (settings === undefined) return undefined;
    throw new SlipwayError({
      kind: 'invalid-argument',
      code: 'CONTAINER_OPTION_INVALID',
      message: `settings of a health check (${Object.keys(settings).join(', ')}) without its command, and the image has no health check`,
      hint: 'give --health-cmd, or leave them out',
      details: { option: 'health.command' },
    });
  }
  for (const [index, arg] of args.entries()) checkExecString(`Argument ${index} of the health check`, arg);
  return { ...defaults, ...own, ...present({ ...settings, command: undefined }), args };
}

function imageProbe({ config }: ImageConfig): Partial<HealthProbe> | undefined {
  const check = config?.Healthcheck ?? {};
  const [kind, ...rest] = check.Test ?? [];
  const shell = config?.Shell?.length ? config.Shell : ['/bin/sh', '-c'];
  const args = kind === 'CMD' ? rest : kind === 'CMD-SHELL' ? [...shell, ...rest] : [];
  if (args.length === 0 || (kind === 'CMD-SHELL' && rest.length === 0)) return undefined;
  const milliseconds = (time: number | undefined, name: keyof typeof most): number | undefined => {
    if (!time) return undefined;
    return Math.min(Math.max(Math.ceil(time / nanosecondsInMs), name === 'startPeriodMs' ? 1 : shortestImageMs), most[name]);
  };
  return present({
    args,
    intervalMs: milliseconds(check.Interval, 'intervalMs'),
    timeoutMs: milliseconds(check.Timeout, 'timeoutMs'),
    startPeriodMs: milliseconds(check.StartPeriod, 'startPeriodMs'),
    startIntervalMs: milliseconds(check.StartInterval, 'startIntervalMs'),
    retries: Math.min(check.Retries ?? 0, most.retries) || undefined,
  });
}

function present<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
