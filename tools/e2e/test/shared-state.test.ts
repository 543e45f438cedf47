import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { afterAll, expect, it } from 'vitest';
import { makePlace, namesIn } from './place.ts';

const registry = await startRegistry({ images: ['small'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/small:latest`;

it('a container keeps its bundle and runs on when an engine of another root with the same state folder wants its id: its bundle was removed, then it was killed', async () => {
  using place = makePlace();
  await using first = await place.open();
  await using second = await place.open({ root: path.join(place.folder, 'second-root') });
  const id = `shared-${randomBytes(4).toString('hex')}`;
  const container = await first.run({ image, name: id, args: ['sh', '-c', 'read line; echo "$line"'], stdin: 'pipe' });
  for (let attempt = 0; attempt < 2; attempt++)
    await expect(second.run({ image, name: id, args: ['true'] })).rejects.toMatchObject({ kind: 'already-exists' });
  expect(namesIn(path.join(place.state, 'containers'))).toEqual([id]);
  container.stdin?.end('still here\n');
  expect(await container.output()).toMatchObject({ exitCode: 0, stdout: Buffer.from('still here\n') });

  const again = await second.run({ image, name: id, args: ['echo', 'mine now'] });
  expect(await again.output()).toMatchObject({ exitCode: 0, stdout: Buffer.from('mine now\n') });
});
