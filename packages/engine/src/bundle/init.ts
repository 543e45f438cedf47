import { type RuntimeMount, SlipwayError } from '@slipway/plugin-api';
import type { HostFacts } from './host-facts.js';
import { invalid } from './invalid.js';
import type { RootFiles } from './root-files.js';

/**
 * Where it may be in the container: in /dev, which is always a file system of our own, so that nothing of the image can stand in its way and
 * nothing of it is left there; in the root itself, which no link leads to, when something of the user's is mounted on /dev.
 */
const places = ['/dev/slipway-init', '/slipway-init'] as const;

export interface ContainerInit {
  readonly mount: RuntimeMount;
  /** Before the arguments of the container's own program. */
  readonly args: readonly string[];
}

/** Errors: `failed-precondition` with `INIT_MISSING`; `INIT_COVERED`. */
export function containerInit(
  root: RootFiles,
  mounts: readonly RuntimeMount[],
  host: Pick<HostFacts, 'initProgram'>,
): ContainerInit {
  if (host.initProgram === undefined)
    throw new SlipwayError({
      kind: 'failed-precondition',
      code: 'INIT_MISSING',
      message: 'The init program of containers was not found beside Slipway',
      hint: 'build it with `make -C native/init`, or leave out --init',
    });
  const [ofDev, ofRoot] = places;
  const covered = (path: string) =>
    mounts.some(
      ({ destination }) => destination === '/' || path === destination || path.startsWith(`${destination.replace(/\/+$/, '')}/`),
    );
  const place = covered(ofDev) ? ofRoot : ofDev;
  if (place === ofRoot && (covered(ofRoot) || !['file', undefined].includes(root.find(ofRoot, { followLast: false })?.kind)))
    throw invalid(
      'INIT_COVERED',
      `The init program has no place in the container: something else is at ${ofDev} and at ${ofRoot}`,
      {
        hint: 'leave out --init, or what is mounted there',
      },
    );
  return {
    mount: { destination: place, type: 'bind', source: host.initProgram, options: ['bind', 'ro', 'nosuid', 'nodev'] },
    args: [place, '--'],
  };
}

/** The arguments of the container's own program, whether an init program starts it or not. */
export function withoutInit(args: readonly string[]): readonly string[] {
  return args[1] === '--' && places.some((place) => place === args[0]) ? args.slice(2) : args;
}
