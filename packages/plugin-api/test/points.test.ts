import { channel } from 'node:diagnostics_channel';
import {
  contentPoint,
  definePlugin,
  definePoint,
  defineTable,
  lazy,
  lazyMany,
  many,
  metadataPoint,
  optional,
  type Snapshotter,
  type Step,
  snapshotterPoint,
  step,
} from '@slipway/plugin-api';
import { describe, expect, expectTypeOf, it } from 'vitest';

describe('definePoint', () => {
  it('takes name.vN and nothing else', () => {
    expect(definePoint('snapshotter.v1').id).toBe('snapshotter.v1');
    for (const id of ['snapshotter', 'Snapshotter.v1', 'x.v0', 'x.1', '', '../x.v1'])
      expect(() => definePoint(id)).toThrow(TypeError);
  });
});

describe('definePlugin', () => {
  it('types each need by its point', () => {
    const plugin = definePlugin({
      provides: definePoint<{ answer: number }>('answer.v1'),
      id: 'x',
      api: '1.0',
      needs: {
        one: metadataPoint,
        maybe: optional(contentPoint),
        all: many(snapshotterPoint),
        later: lazy(snapshotterPoint),
        any: lazyMany(snapshotterPoint),
      },
      activate: ({ needs }) => {
        expectTypeOf(needs.maybe).toEqualTypeOf<import('@slipway/plugin-api').ContentStore | undefined>();
        expectTypeOf(needs.all).toEqualTypeOf<ReadonlyMap<string, Snapshotter>>();
        expectTypeOf(needs.later).toEqualTypeOf<() => Promise<Snapshotter>>();
        expectTypeOf(needs.any.get).returns.resolves.toEqualTypeOf<Snapshotter>();
        expectTypeOf(needs.one.read).toBeFunction();
        return { instance: { answer: 42 } };
      },
    });
    expect(Object.values(plugin.needs ?? {}).map((need) => ('need' in need ? need.need : 'one'))).toEqual([
      'one',
      'optional',
      'many',
      'lazy',
      'lazy-many',
    ]);
  });
});

describe('defineTable', () => {
  it('refuses names that could be paths or keys of another table', () => {
    expect(defineTable('snapshotter.v1/overlay/rows', String).name).toBe('snapshotter.v1/overlay/rows');
    for (const name of ['', 'A', 'a b', '/a', 'a\0b']) expect(() => defineTable(name, String)).toThrow(TypeError);
  });
});

describe('step', () => {
  it('is announced synchronously to who listens, and only then', () => {
    const seen: string[] = [];
    const listen = (message: unknown): unknown => seen.push((message as Step).name);
    step('before');
    channel('slipway:step').subscribe(listen);
    step('during', { n: 1 });
    expect(seen).toEqual(['during']);
    channel('slipway:step').unsubscribe(listen);
    step('after');
    expect(seen).toEqual(['during']);
  });
});
