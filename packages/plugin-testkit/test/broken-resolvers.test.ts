import { type FetchedContent, type Fetcher, isKind, type Resolver, SlipwayError } from '@slipway/plugin-api';
import { MemoryRegistry, memoryResolver, type OpenSubject, type ResolverBench, resolverLaws } from '@slipway/plugin-testkit';
import { describe, expect, it } from 'vitest';
import { GroupRunner } from './group-runner.ts';

type Change = (sound: Resolver, origin: MemoryRegistry) => Partial<Resolver>;

/** The resolver of a registry in memory, with some methods replaced. */
const opener =
  (change: Change): OpenSubject<ResolverBench> =>
  async () => {
    const origin = new MemoryRegistry();
    const sound = memoryResolver(origin, { idleTimeoutMs: 200 });
    const resolver: Resolver = {
      resolve: (name, options) => sound.resolve(name, options),
      fetcher: (name) => sound.fetcher(name),
      pusher: (name) => sound.pusher(name),
      referrers: (...asked) => sound.referrers(...asked),
      ...change(sound, origin),
    };
    return {
      instance: { resolver, origin },
      capabilities: { push: true, referrers: true },
      [Symbol.asyncDispose]: () => sound[Symbol.asyncDispose](),
    };
  };

/** Every fetch, replaced. */
const fetching = (
  fetch: (fetcher: Fetcher, ...wanted: Parameters<Fetcher['fetch']>) => Promise<FetchedContent>,
): OpenSubject<ResolverBench> =>
  opener((sound) => ({
    fetcher(name) {
      const fetcher = sound.fetcher(name);
      return { fetch: (descriptor, options) => fetch(fetcher, descriptor, options) };
    },
  }));

const fail = (message: string): SlipwayError => new SlipwayError({ kind: 'not-found', code: 'NOT_FOUND', message });

interface Fault {
  readonly fault: string;
  readonly open: OpenSubject<ResolverBench>;
  /** Those that fail; all others hold. */
  readonly laws: readonly string[];
}

const faults: readonly Fault[] = [
  {
    fault: 'a digest in a name is not looked at',
    open: opener((sound) => ({ resolve: (name, options) => sound.resolve(name.replace(/@sha256:[0-9a-f]{64}$/, ''), options) })),
    laws: [
      'a name with a digest resolves to that digest',
      'a name with a digest that is not there resolves to nothing else',
      'what is missing is not-found, and the code says what',
    ],
  },
  {
    fault: 'a name is remembered',
    open: opener((sound) => {
      const known = new Map<string, ReturnType<Resolver['resolve']>>();
      return {
        async resolve(name, options) {
          const found = known.get(name) ?? sound.resolve(name, options);
          known.set(name, found);
          return await found;
        },
      };
    }),
    laws: ['a name means what it means now, not what it meant before'],
  },
  {
    fault: 'names are given as they were typed',
    open: opener((sound) => ({ resolve: async (name, options) => ({ ...(await sound.resolve(name, options)), name }) })),
    laws: ['a name without a tag means "latest"'],
  },
  {
    fault: 'all that is missing has one code',
    open: opener((sound) => ({
      resolve: async (name, options) =>
        await sound.resolve(name, options).catch((error: unknown) => {
          throw isKind(error, 'not-found') ? fail('gone') : error;
        }),
    })),
    laws: ['what is missing is not-found, and the code says what'],
  },
  {
    fault: 'an offset is claimed and not kept',
    open: fetching(async (fetcher, descriptor, options = {}) => {
      const { offset = 0, ...rest } = options;
      const whole = await fetcher.fetch(descriptor, offset > descriptor.size ? options : rest);
      return { offset, body: whole.body, [Symbol.asyncDispose]: () => whole[Symbol.asyncDispose]() };
    }),
    laws: [
      'content begins where it says: at the offset asked for, or at 0',
      'an offset that is none is out-of-range',
      'much is fetched at once',
    ],
  },
  {
    fault: 'the signal is not looked at',
    open: opener((sound) => ({
      resolve: (name) => sound.resolve(name),
      fetcher(name) {
        const fetcher = sound.fetcher(name);
        return { fetch: (descriptor, options) => fetcher.fetch(descriptor, { offset: options?.offset }) };
      },
    })),
    laws: [
      'what was canceled before it began asks nobody',
      'an origin that does not answer is left when the signal says so',
      'an origin that falls silent is left when the signal says so',
    ],
  },
  {
    fault: 'a connection is not given up',
    open: fetching(async (fetcher, descriptor, options) => {
      const { offset, body } = await fetcher.fetch(descriptor, options);
      return { offset, body, [Symbol.asyncDispose]: async () => undefined };
    }),
    laws: ['content that is given up early is asked for no longer'],
  },
  {
    fault: 'content is gathered in memory',
    open: fetching(async (fetcher, descriptor, options) => {
      const content = await fetcher.fetch(descriptor, options);
      async function* gathered(): AsyncGenerator<Uint8Array> {
        yield* await Array.fromAsync(content.body);
      }
      return { offset: content.offset, body: gathered(), [Symbol.asyncDispose]: () => content[Symbol.asyncDispose]() };
    }),
    laws: [
      'a reader that is slow slows the origin down: content is not gathered in memory',
      'an origin that falls silent is left when the signal says so',
    ],
  },
  {
    fault: 'errors show the name with its password',
    open: opener((sound) => ({
      resolve: async (name, options) =>
        await sound.resolve(name, options).catch((error: unknown) => {
          if (error instanceof SlipwayError) throw new SlipwayError({ ...error, message: error.message, details: { name } });
          throw error;
        }),
    })),
    laws: ['no error shows what must stay secret'],
  },
  {
    fault: 'a fetcher connects at once',
    open: opener((sound, origin) => ({
      fetcher(name) {
        const fetcher = sound.fetcher(name);
        origin.answer().end();
        return fetcher;
      },
    })),
    laws: ['a fetcher asks nobody before it fetches, wherever its name leads', 'what was canceled before it began asks nobody'],
  },
  {
    fault: 'an end that comes early is the end',
    open: fetching(async (fetcher, descriptor, options) => {
      const content = await fetcher.fetch(descriptor, options);
      async function* quiet(): AsyncGenerator<Uint8Array> {
        try {
          yield* content.body;
        } catch (error) {
          if (!isKind(error, 'unavailable')) throw error;
        }
      }
      return { offset: content.offset, body: quiet(), [Symbol.asyncDispose]: () => content[Symbol.asyncDispose]() };
    }),
    laws: ['an origin that falls silent is unavailable after a while'],
  },
];

const groups = ['manifest agreement', 'names', 'content', 'waiting', 'secrets'];

describe('the laws of resolvers that fail', () => {
  for (const { fault, open, laws } of faults) {
    it(`when ${fault}`, async () => {
      const runner = new GroupRunner();
      await resolverLaws(runner, open);
      expect(await runner.failing(groups)).toEqual(laws);
    });
  }
});
