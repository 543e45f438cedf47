import { expect, it } from 'vitest';
import { containerPort } from '../../dist/networks/published.js';
import { fakeParts } from '../parts.ts';

it.each([['80'], [0], [65_536], [1.5], [undefined]])('a port that is none, as %j, is refused as such', async (port) => {
  using parts = fakeParts();
  await expect(containerPort(parts, 'a'.repeat(64), port as number, 'tcp')).rejects.toMatchObject({ kind: 'invalid-argument' });
});

it('so is a protocol that is none', async () => {
  using parts = fakeParts();
  const asked = containerPort(parts, 'a'.repeat(64), 80, 'TCP' as 'tcp');
  await expect(asked).rejects.toMatchObject({ kind: 'invalid-argument' });
});
