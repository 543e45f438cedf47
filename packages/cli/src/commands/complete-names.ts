import type { ContainerStatus, ContainerSummary, Engine } from '@slipway/plugin-api';
import type { Action, Completed } from '../command.js';
import { shortId } from '../containers/short-id.js';
import { withEngine } from '../host.js';
import { printable } from '../printable.js';
import { shortName } from '../short-name.js';

/** What a shell may offer for a word, one to a line. As short as it can be typed; in full where nothing short begins so. */
export const completeNames: Action = async (invocation) => {
  const [kind = '', beginning = ''] = invocation.args;
  const names = await withEngine(invocation, async (engine) => namesOf(engine, kind as Completed));
  const offered = [names.short, names.long]
    .map((some) => [...new Set(some)].filter((name) => name.startsWith(beginning)))
    .find((some) => some.length > 0);
  invocation.output.out((offered ?? []).map((name) => `${printable(name)}\n`).join(''));
  return 0;
};

interface Names {
  readonly short: readonly string[];
  readonly long: readonly string[];
}

async function namesOf(engine: Engine, kind: Completed): Promise<Names> {
  switch (kind) {
    case 'images':
      return imageNames(engine);
    case 'volumes':
      return { short: (await engine.volumes.list()).map(({ name }) => name), long: [] };
    case 'networks':
      return { short: await networkNames(engine), long: [] };
    case 'network-modes':
      return { short: [...(await networkNames(engine)), 'none', 'host'], long: [] };
    case 'containers-and-images': {
      const [containers, images] = await Promise.all([containerNames(engine), imageNames(engine)]);
      return { short: [...containers.short, ...images.short], long: [...containers.long, ...images.long] };
    }
    case 'container-paths': {
      const { short, long } = await containerNames(engine);
      return { short: short.map((name) => `${name}:`), long: long.map((id) => `${id}:`) };
    }
    case 'running':
      return containerNames(engine, ['running', 'paused', 'restarting']);
    case 'paused':
      return containerNames(engine, ['paused']);
    case 'stopped':
      return containerNames(engine, ['created', 'exited']);
    default:
      return containerNames(engine);
  }
}

async function networkNames(engine: Engine): Promise<readonly string[]> {
  return (await engine.networks.list()).map(({ name }) => name);
}

async function imageNames(engine: Engine): Promise<Names> {
  const names = (await engine.images.list()).map(({ name }) => name);
  // `alpine` is enough for the tag that a name without one means.
  const short = names.map(shortName).flatMap((name) => [name, name.replace(/:latest$/, '')]);
  return { short, long: names };
}

async function containerNames(engine: Engine, status?: readonly ContainerStatus[]): Promise<Names> {
  const listed: readonly ContainerSummary[] = await engine.containers.list({ all: true, filters: { status } });
  return { short: listed.map(({ name }) => name), long: listed.map(({ id }) => shortId(id)) };
}
