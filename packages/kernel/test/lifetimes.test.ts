import { setTimeout as sleep } from 'node:timers/promises';
import { lazyMany, many, type Need, optional, type Plugin } from '@slipway/plugin-api';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import 'reflect-metadata';
import { builtin, Place, point, stackPlugins } from './place.js';

/** A plugin that needs some of the plugins before it, takes some lazily during activation, and ends in some way. */
interface Sketch {
  readonly needs: readonly number[];
  readonly lazies: readonly number[];
  readonly kind: 'one' | 'many' | 'optional';
  readonly end: 'up' | 'up' | 'fail' | 'skip';
  readonly ms: number;
}

const sketches = fc.array(
  fc.record({
    needs: fc.uniqueArray(fc.nat(5), { maxLength: 3 }),
    lazies: fc.uniqueArray(fc.nat(5), { maxLength: 2 }),
    kind: fc.constantFrom('one' as const, 'many' as const, 'optional' as const),
    end: fc.constantFrom('up' as const, 'up' as const, 'up' as const, 'fail' as const, 'skip' as const),
    ms: fc.nat(3),
  }),
  { minLength: 2, maxLength: 7 },
);

/** Which plugin is asked for, after how long. */
const requested = fc.array(fc.record({ n: fc.nat(6), ms: fc.nat(12) }), { minLength: 1, maxLength: 6 });

interface Life {
  /** Instances by plugin that are up; each was made after what it uses and goes before it. */
  readonly up: Map<number, object>;
  readonly faults: string[];
}

function pluginOf(index: number, sketch: Sketch, life: Life): Partial<Plugin> {
  const below = (numbers: readonly number[]): number[] =>
    [...new Set(numbers.map((n) => n % Math.max(index, 1)))].filter(() => index > 0);
  const eager = below(sketch.needs);
  const lazies = below(sketch.lazies);
  const wrap = { one: (p: Need) => p, many: (p: Need) => many(p as never), optional: (p: Need) => optional(p as never) }[
    sketch.kind
  ];
  const needs = Object.fromEntries([
    ...eager.map((n): [string, Need] => [`n${n}`, wrap({ id: `p${n}.v1` })]),
    ...lazies.map((n): [string, Need] => [`l${n}`, lazyMany({ id: `p${n}.v1` })]),
  ]);
  return {
    needs,
    activate: async ({ needs: given, own, skip }) => {
      const used = new Set<number>();
      for (const n of eager) {
        const value = (given as Record<string, unknown>)[`n${n}`];
        if (value instanceof Map ? value.size > 0 : value !== undefined) used.add(n);
      }
      const me = {};
      if (life.up.has(index)) life.faults.push(`${index} is up twice`);
      life.up.set(index, me);
      own({
        [Symbol.asyncDispose]: async () => {
          for (const n of used) if (!life.up.has(n)) life.faults.push(`${n} went before ${index}, which uses it`);
          await sleep(sketch.ms);
          life.up.delete(index);
        },
      });
      for (const n of lazies) {
        const lazy = (given as Record<string, { get(id: string): Promise<unknown> }>)[`l${n}`];
        await lazy?.get(`p${n}`).then(
          () => used.add(n),
          () => undefined,
        );
      }
      await sleep(sketch.ms);
      if (sketch.end === 'fail') throw new Error(`${index} fails`);
      if (sketch.end === 'skip') skip(`${index} is skipped`);
      return { instance: me };
    },
  };
}

test('whatever fails, whatever is asked for at once: nothing is up that nobody uses, nothing goes before its users', async () => {
  await fc.assert(
    fc.asyncProperty(sketches, requested, async (plugins, requests) => {
      using place = new Place();
      const life: Life = { up: new Map(), faults: [] };
      const sketched = plugins.map((sketch, index) => builtin(`p${index}.v1`, `p${index}`, pluginOf(index, sketch, life)));
      const kernel = await place.boot({ builtin: [...stackPlugins(), ...sketched] });
      const asked = requests.map(({ n }) => n % plugins.length);
      const results = await Promise.allSettled(
        requests.map(async ({ n, ms }) => {
          await sleep(ms);
          return kernel.get(point(`p${n % plugins.length}.v1`));
        }),
      );

      const active = kernel.status().filter(({ id, state }) => id.startsWith('p') && state === 'active');
      expect(new Set(life.up.keys())).toEqual(new Set(active.map(({ id }) => Number(id.slice(1)))));
      for (const [index, n] of asked.entries()) {
        if (results[index]?.status === 'fulfilled') expect(life.up.has(n)).toBe(true);
        else expect(life.up.has(n)).toBe(false);
      }
      if (results.every(({ status }) => status === 'rejected')) expect([...life.up.keys()]).toEqual([]);
      await kernel[Symbol.asyncDispose]();
      expect([...life.up.keys()]).toEqual([]);
      expect(life.faults).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('torn down in the middle, everything goes', async () => {
  await fc.assert(
    fc.asyncProperty(sketches, requested, fc.nat(16), async (plugins, requests, ms) => {
      using place = new Place();
      const life: Life = { up: new Map(), faults: [] };
      const sketched = plugins.map((sketch, index) => builtin(`p${index}.v1`, `p${index}`, pluginOf(index, sketch, life)));
      const kernel = await place.boot({ builtin: [...stackPlugins(), ...sketched] });
      const gets = Promise.allSettled(
        requests.map(async ({ n, ms: delay }) => {
          await sleep(delay);
          return kernel.get(point(`p${n % plugins.length}.v1`));
        }),
      );
      await sleep(ms);
      await kernel[Symbol.asyncDispose]();
      await gets;
      expect([...life.up.keys()]).toEqual([]);
      expect(life.faults).toEqual([]);
    }),
    { numRuns: 200 },
  );
});
