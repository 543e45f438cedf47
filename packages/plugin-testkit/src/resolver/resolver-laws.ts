import { mediaTypes } from '@slipway/oci';
import { type Resolver, resolverPoint } from '@slipway/plugin-api';
import { cleanUpLaws } from '../clean-up-laws.js';
import { absent } from '../content/bytes.js';
import { lawsOn } from '../law.js';
import type { LawRunner } from '../law-runner.js';
import { manifestLaws } from '../manifest-laws.js';
import { capabilitiesOf, type OpenSubject, type SuiteOptions } from '../subject.js';
import { fetchLaws } from './fetch-laws.js';
import { imageOf, readBody } from './image.js';
import { nameLaws } from './name-laws.js';
import type { ResolverBench, ResolverFiles } from './origin.js';
import { pusherFor, pushLaws, referrersLaws } from './push-laws.js';
import { PushSource } from './push-source.js';
import { secretLaws } from './secret-laws.js';
import { waitLaws } from './wait-laws.js';

export interface ResolverLawOptions extends Pick<SuiteOptions, 'manifest'> {
  /** What the resolver was given for the origin and must show nobody: passwords, tokens, and how they are sent. */
  readonly secrets?: readonly string[] | undefined;
  readonly files?: ResolverFiles | undefined;
}

/**
 * The laws of resolver.v1, for any implementation, against an origin that can be watched and made to misbehave. The capabilities `push`
 * and `referrers` have laws of their own. Fulfils when the laws are registered.
 */
export async function resolverLaws(
  runner: LawRunner,
  open: OpenSubject<ResolverBench>,
  options: ResolverLawOptions = {},
): Promise<void> {
  const capabilities = await capabilitiesOf(open);
  const law = lawsOn(runner, open);
  const openResolver: OpenSubject<Resolver> = async (root) => {
    const { instance, ...subject } = await open(root);
    return { ...subject, instance: instance.resolver };
  };

  runner.describe('laws of resolver.v1', () => {
    manifestLaws(runner, openResolver, contract, options);
    runner.describe('names', () => nameLaws(law, options.files));
    runner.describe('content', () => fetchLaws(law, options.files === undefined));
    runner.describe('waiting', () => waitLaws(law, options.files === undefined));
    runner.describe('secrets', () => secretLaws(law, options.secrets ?? []));
    if (capabilities['push'] === true) runner.describe('capability push', () => pushLaws(law, options.files));
    if (capabilities['push'] === true && capabilities['referrers'] === true)
      runner.describe('capability referrers', () => referrersLaws(law, options.files));
    cleanUpLaws(runner, open, { use, afterDispose });
  });
}

const contract = {
  point: resolverPoint,
  methods: ['resolve', 'fetcher'],
  optionalMethods: { push: ['pusher'], referrers: ['referrers'], login: ['login', 'logout'] },
} as const;

async function use({ resolver, origin }: ResolverBench): Promise<void> {
  const image = imageOf({ size: 2_000_000 });
  await origin.publish('clean', image);
  const { descriptor } = await resolver.resolve(origin.name('clean'));
  const fetcher = resolver.fetcher(origin.name('clean'));
  await readBody(await fetcher.fetch(descriptor));
  await readBody(await fetcher.fetch(image.layer.descriptor, { offset: 1000 }));
  await using givenUp = await fetcher.fetch(image.layer.descriptor);
  for await (const _ of givenUp.body) break;
  await resolver.resolve(`${origin.name('clean')}:none`).catch(() => undefined);
  await using pusher = resolver.pusher?.(`${origin.name('clean')}:pushed`);
  const { layer } = imageOf({ seed: 2, size: 2_000_000 });
  await pusher?.push(layer.descriptor, new PushSource(layer));
}

function afterDispose({ resolver, origin }: ResolverBench): Record<string, () => Promise<unknown>> {
  const name = origin.name('clean');
  return {
    resolve: () => resolver.resolve(name),
    fetch: () => resolver.fetcher(name).fetch({ mediaType: mediaTypes.ociLayer, digest: absent, size: 1 }),
    ...(resolver.pusher === undefined ? {} : { push: () => pusherFor(resolver, name).complete(imageOf().manifest.descriptor) }),
    ...(resolver.referrers === undefined ? {} : { referrers: async () => resolver.referrers?.(name, absent) }),
  };
}
