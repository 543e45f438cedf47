import type { Resolver } from '@slipway/plugin-api';
import { expect, test } from 'vitest';
import { fullName, placeOf, referenceOf, resolverFor } from '../../dist/images/image-names.js';
import type { EngineParts } from '../../dist/settings.js';
import type { ActiveStack } from '../../dist/stack.js';

const declared: Readonly<Record<string, Record<string, string | string[]>>> = {
  registry: {},
  files: { schemes: ['dir', 'dir-archive'], names: 'paths' },
  bucket: { schemes: ['s3'] },
};
const resolver = (id: string): Resolver => ({ id }) as unknown as Resolver;
const parts = {
  resolvers: {
    ids: Object.keys(declared),
    declares: (id: string) => declared[id],
    get: async (id: string) => resolver(id),
  },
} as unknown as EngineParts;
const stack = { resolver: async () => resolver('registry') } as unknown as ActiveStack;
const here = process.cwd();

test.each([
  ['alpine', 'docker.io/library/alpine:latest', 'registry'],
  ['localhost:5000/dir', 'localhost:5000/dir:latest', 'registry'],
  ['docker.io/library/dir:latest', 'docker.io/library/dir:latest', 'registry'],
  ['dir:latest', `dir:${here}/latest`, 'files'],
  ['dir-archive:/a/../b.tar:v1', 'dir-archive:/b.tar:v1', 'files'],
  ['s3:bucket//key:x', 's3:bucket//key:x', 'bucket'],
])('"%s" is "%s", of the resolver "%s" in every stack', async (text, full, id) => {
  expect(fullName(parts, text)).toBe(full);
  expect(fullName(parts, full)).toBe(full);
  expect(await resolverFor(parts, stack, full)).toEqual({ id });
  expect(referenceOf(parts, full) !== undefined).toBe(id === 'registry');
});

test('content is asked for in the repository of a reference, and under the very name of anything else', () => {
  expect(placeOf(parts, 'docker.io/library/alpine:3.20')).toBe('docker.io/library/alpine');
  expect(placeOf(parts, 'dir:/srv/layout:v1')).toBe('dir:/srv/layout:v1');
});

test('a name of a resolver that is gone is still no reference', () => {
  const gone = { ...parts, resolvers: { ...parts.resolvers, ids: ['registry'] } };
  expect(referenceOf(gone, 'dir:/srv/layout:v1')).toBeUndefined();
});
