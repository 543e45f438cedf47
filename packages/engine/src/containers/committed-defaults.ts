import type { ContainerDefaults, ContainerSettings, HealthSettings, ImageHealthcheck } from '@slipway/plugin-api';

/** How containers of an image run that is made of this container: as it does itself, where its settings say more than its image. */
export function committedDefaults(image: ContainerDefaults, settings: ContainerSettings): ContainerDefaults {
  const { args = [], entrypoint, env = [], user, workdir, labels, stopSignal, health, mounts = [] } = settings;
  const anonymous = mounts.flatMap((mount) => (mount.type === 'volume' && mount.volume === undefined ? mount.target : []));
  return {
    ...image,
    ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint, Cmd: null }),
    ...(args.length === 0 ? {} : { Cmd: args }),
    ...(env.length === 0 ? {} : { Env: mergedEnv(image.Env ?? [], env) }),
    ...(user === undefined ? {} : { User: user }),
    ...(workdir === undefined ? {} : { WorkingDir: workdir }),
    ...(labels === undefined ? {} : { Labels: { ...image.Labels, ...labels } }),
    ...(stopSignal === undefined ? {} : { StopSignal: String(stopSignal) }),
    ...(health === undefined ? {} : { Healthcheck: health === false ? { Test: ['NONE'] } : healthcheck(image, health) }),
    ...(anonymous.length === 0
      ? {}
      : { Volumes: { ...image.Volumes, ...Object.fromEntries(anonymous.map((target) => [target, {}])) } }),
  };
}

/** The place of a variable stays where it was first named. */
function mergedEnv(image: readonly string[], settings: readonly string[]): string[] {
  const variables = new Map([...image, ...settings].map((entry) => [entry.split('=', 1)[0], entry]));
  return [...variables.values()];
}

const nanosecondsInMs = 1_000_000;

function healthcheck({ Healthcheck }: ContainerDefaults, health: HealthSettings): ImageHealthcheck {
  const time = (name: keyof ImageHealthcheck, ms: number | undefined): object =>
    ms === undefined ? {} : { [name]: ms * nanosecondsInMs };
  return {
    ...Healthcheck,
    ...(health.command === undefined ? {} : { Test: ['CMD', ...health.command] }),
    ...time('Interval', health.intervalMs),
    ...time('Timeout', health.timeoutMs),
    ...time('StartPeriod', health.startPeriodMs),
    ...time('StartInterval', health.startIntervalMs),
    ...(health.retries === undefined ? {} : { Retries: health.retries }),
  };
}
