import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { afterAll, expect, it } from 'vitest';
import { leftInPlace, makePlace, namesIn } from './place.ts';

const registry = await startRegistry({ images: ['small'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/small:latest`;

it('engines of two roots with one state folder have a container of one name each, and leave each other alone', async () => {
  using place = makePlace();
  {
    await using first = await place.open();
    await using second = await place.open({ root: path.join(place.folder, 'second-root') });
    const name = 'web';
    const container = await first.run({ image, name, args: ['sh', '-c', 'read line; echo "$line"'], stdin: 'pipe' });
    const other = await second.run({ image, name, args: ['echo', 'mine'] });
    expect(await other.output()).toMatchObject({ exitCode: 0, stdout: Buffer.from('mine\n') });
    expect(namesIn(path.join(place.state, 'containers'))).toEqual([container.id]);
    await second.containers.list({ all: true });
    container.stdin?.end('still here\n');
    expect(await container.output()).toMatchObject({ exitCode: 0, stdout: Buffer.from('still here\n') });
  }
  expect(leftInPlace(place)).toEqual([]);
});
