import { type Descriptor, type Fetcher, isKind, type Pusher, type PushOptions, type Resolver } from '@slipway/plugin-api';
import { MemoryRegistry, memoryResolver, type OpenSubject, type ResolverBench, resolverLaws } from '@slipway/plugin-testkit';
import { describe, expect, it } from 'vitest';
import { GroupRunner } from './group-runner.ts';

type Sound = ReturnType<typeof memoryResolver>;

/** The resolver of a registry in memory, with what pushes replaced. */
const opener =
  (change: (sound: Sound, origin: MemoryRegistry) => Partial<Resolver>): OpenSubject<ResolverBench> =>
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
    const capabilities = { push: true, referrers: true };
    return { instance: { resolver, origin }, capabilities, [Symbol.asyncDispose]: () => sound[Symbol.asyncDispose]() };
  };

/** Every pusher, with some methods replaced. */
const pushing = (change: (pusher: Pusher, name: string, origin: MemoryRegistry) => Partial<Pusher>): OpenSubject<ResolverBench> =>
  opener((sound, origin) => ({
    pusher(name) {
      const pusher = sound.pusher(name);
      return {
        push: (...args) => pusher.push(...args),
        complete: (...args) => pusher.complete(...args),
        [Symbol.asyncDispose]: () => pusher[Symbol.asyncDispose](),
        ...change(pusher, name, origin),
      };
    },
  }));

const repositoryOf = (name: string): string => name.replace('memory.test/', '').replace(/[:@].*$/, '');

/** Puts there what the source yields, whatever it is. */
async function believe(origin: MemoryRegistry, name: string, descriptor: Descriptor, source: Fetcher): Promise<void> {
  await using content = await source.fetch(descriptor);
  const pieces: Uint8Array[] = [];
  for await (const piece of content.body) pieces.push(piece);
  const { mediaType, digest } = descriptor;
  origin.repository(repositoryOf(name)).content.set(digest, { mediaType, bytes: Buffer.concat(pieces) });
}

interface Fault {
  readonly fault: string;
  readonly open: OpenSubject<ResolverBench>;
  /** Those that fail; all others hold. */
  readonly laws: readonly string[];
}

const faults: readonly Fault[] = [
  {
    fault: 'a manifest is named when it is pushed',
    open: pushing((pusher, name) => ({
      async push(descriptor, source, options) {
        const outcome = await pusher.push(descriptor, source, options);
        if (descriptor.mediaType.includes('manifest') && !name.includes('@')) await pusher.complete(descriptor);
        return outcome;
      },
    })),
    laws: [
      'what is pushed has a name after complete, and the whole of it is there',
      'a name means what it meant until another push is complete',
    ],
  },
  {
    fault: 'complete does nothing',
    open: pushing(() => ({ complete: async () => undefined })),
    laws: [
      'what is pushed has a name after complete, and the whole of it is there',
      'a name means what it meant until another push is complete',
      'what is there is not sent again',
      'an index is pushed after its manifests',
      'a name with a digest is given to nothing else',
    ],
  },
  {
    fault: 'bytes are believed',
    open: pushing((pusher, name, origin) => ({
      async push(descriptor, source, options) {
        try {
          return await pusher.push(descriptor, source, options);
        } catch (error) {
          if (!isKind(error, 'failed-precondition')) throw error;
          await believe(origin, name, descriptor, source);
          return 'pushed';
        }
      },
    })),
    laws: ['bytes that do not match their descriptor never get its digest'],
  },
  {
    fault: 'bytes are checked when they are there already',
    open: pushing((pusher, name, origin) => ({
      async push(descriptor, source, options) {
        try {
          return await pusher.push(descriptor, source, options);
        } catch (error) {
          if (isKind(error, 'failed-precondition')) await believe(origin, name, descriptor, source);
          throw error;
        }
      },
    })),
    laws: ['bytes that do not match their descriptor never get its digest'],
  },
  {
    fault: 'everything is sent again',
    open: pushing((pusher) => ({
      async push(descriptor, source, options) {
        await using content = await source.fetch(descriptor);
        for await (const _ of content.body);
        return await pusher.push(descriptor, source, options);
      },
    })),
    laws: [
      'a source that breaks off is read again',
      'a hint where it may be found is no more than a hint',
      'what is there is not sent again',
      'a pusher asks nobody before it pushes, and a digest that is none never',
    ],
  },
  {
    fault: 'a source is read once',
    open: pushing((pusher) => ({
      async push(descriptor, source, options) {
        let failed: { readonly error: unknown } | undefined;
        const once: Fetcher = {
          async fetch(...wanted) {
            if (failed !== undefined) throw failed.error;
            const content = await source.fetch(...wanted);
            async function* body(): AsyncGenerator<Uint8Array> {
              try {
                yield* content.body;
              } catch (error) {
                failed = { error };
                throw error;
              }
            }
            return { offset: content.offset, body: body(), [Symbol.asyncDispose]: () => content[Symbol.asyncDispose]() };
          },
        };
        return await pusher.push(descriptor, once, options);
      },
    })),
    laws: ['a source that breaks off is read again'],
  },
  {
    fault: 'a hint is believed',
    open: pushing((pusher) => ({
      push: async (descriptor, source, options) =>
        options?.from === undefined ? await pusher.push(descriptor, source, options) : 'mounted',
    })),
    laws: ['a hint where it may be found is no more than a hint'],
  },
  {
    fault: 'nothing is told of what is sent',
    open: pushing((pusher) => ({
      push: (descriptor, source, { onProgress: _, ...options }: PushOptions = {}) => pusher.push(descriptor, source, options),
    })),
    laws: ['what is sent is told, up to all of it'],
  },
  {
    fault: 'the signal is not looked at',
    open: pushing((pusher) => ({
      push: (descriptor, source, { signal: _, ...options }: PushOptions = {}) => pusher.push(descriptor, source, options),
    })),
    laws: [
      'a push that is canceled ends, and so does one whose pusher is disposed',
      'a pusher asks nobody before it pushes, and a digest that is none never',
    ],
  },
  {
    fault: 'a pusher outlives its disposal',
    open: pushing(() => ({ async [Symbol.asyncDispose]() {} })),
    laws: ['a push that is canceled ends, and so does one whose pusher is disposed'],
  },
  {
    fault: 'a digest in the name is not looked at',
    open: opener((sound) => ({ pusher: (name) => sound.pusher(name.replace(/@.*$/, '')) })),
    laws: ['a name with a digest is given to nothing else'],
  },
  {
    fault: 'referrers are not filtered',
    open: opener((sound) => ({
      referrers: (name, subject, options) => sound.referrers(name, subject, { signal: options?.signal }),
    })),
    laws: ['what was pushed with a subject is listed for it, with its type, each once'],
  },
  {
    fault: 'the type of a referrer is not told',
    open: opener((sound) => ({
      referrers: async (...asked) =>
        (await sound.referrers(...asked)).map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    })),
    laws: ['what was pushed with a subject is listed for it, with its type, each once'],
  },
  {
    fault: 'a list of referrers is never canceled',
    open: opener((sound) => ({
      referrers: (name, subject, options) => sound.referrers(name, subject, { artifactType: options?.artifactType }),
    })),
    laws: ['a list that is canceled ends'],
  },
];

describe('the laws of pushing resolvers that fail', () => {
  for (const { fault, open, laws } of faults) {
    it(`when ${fault}`, async () => {
      const runner = new GroupRunner();
      await resolverLaws(runner, open);
      expect(await runner.failing(['capability push', 'capability referrers'])).toEqual(laws);
    });
  }
});
