import { memoryMetadata } from '@slipway/plugin-testkit';
import { expect, it } from 'vitest';
import { noteReferences, referenceGeneration, referencesSince } from '../../dist/metadata/references.js';

it('the journal tells what was noted since, and when it does not reach back so far', async () => {
  const metadata = memoryMetadata();
  expect(metadata.read((tx) => [referenceGeneration(tx), referencesSince(tx, 0)])).toEqual([0, []]);
  const note = (content: string): Promise<void> => metadata.write((tx) => noteReferences(tx, { content: [content] }));
  await note('a');
  await note('b');
  const since = (generation: number) => metadata.read((tx) => referencesSince(tx, generation)?.map(({ content }) => content[0]));
  expect([since(0), since(1), since(2)]).toEqual([['a', 'b'], ['b'], []]);
  for (let count = 0; count < 300; count++) await note(String(count));
  expect(since(1)).toBeUndefined();
  expect(since(302 - 256)).toHaveLength(256);
  expect(metadata.read((tx) => referenceGeneration(tx))).toBe(302);
});
