import { type HealthProbe, type HealthSettings, type ImageConfig, SlipwayError } from '@slipway/plugin-api';
import { invalid, requireCount } from './kept-settings.js';

const nanosecondsInMs = 1_000_000;

/** Docker's. */
const defaults = { intervalMs: 30_000, timeoutMs: 30_000, startPeriodMs: 0, startIntervalMs: 5_000, retries: 3 };

/**
 * The image's Healthcheck under the settings; undefined when there is none. A time of 0 in an image is the default, as with Docker. Errors: `invalid-argument`.
 */
export function healthProbe(settings: HealthSettings | false | undefined, image: ImageConfig): HealthProbe | undefined {
  if (settings === false) return undefined;
  for (const [name, value] of Object.entries(settings ?? {}))
    if (name !== 'command' && typeof value === 'number') requireCount(`health.${name}`, value, name === 'startPeriodMs' ? 0 : 1);
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
  return { ...defaults, ...own, ...present({ ...settings, command: undefined }), args };
}

function imageProbe({ config }: ImageConfig): Partial<HealthProbe> | undefined {
  const check = config?.Healthcheck ?? {};
  const [kind, ...rest] = check.Test ?? [];
  const shell = config?.Shell?.length ? config.Shell : ['/bin/sh', '-c'];
  const args = kind === 'CMD' ? rest : kind === 'CMD-SHELL' ? [...shell, ...rest] : [];
  if (args.length === 0 || (kind === 'CMD-SHELL' && rest.length === 0)) return undefined;
  const milliseconds = (time: number | undefined): number | undefined => (time ? Math.ceil(time / nanosecondsInMs) : undefined);
  return present({
    args,
    intervalMs: milliseconds(check.Interval),
    timeoutMs: milliseconds(check.Timeout),
    startPeriodMs: milliseconds(check.StartPeriod),
    startIntervalMs: milliseconds(check.StartInterval),
    retries: check.Retries || undefined,
  });
}

function present<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
