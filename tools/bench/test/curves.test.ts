import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openEngine } from 'slipway';
import { expect, test } from 'vitest';
import { fill, removeHalfOfTheNames } from '../src/curves/fill.ts';
import { carryOut, operations } from '../src/curves/operation.ts';

test('a filled store is what the engine takes for images, and every operation does what it says', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-curves-'));
  try {
    const config = path.join(folder, 'config.toml');
    writeFileSync(config, 'version = 1\n', { mode: 0o600 });
    const options = { config, root: path.join(folder, 'root'), state: path.join(folder, 'state') };
    const blobs = (): number => readdirSync(path.join(options.root, 'content.v1/local/blobs/sha256')).length;
    await fill(options, 8);
    const left: number[] = [];
    for (const name of operations) {
      if (name === 'prune of half') await removeHalfOfTheNames(options);
      await using engine = await openEngine(options);
      await carryOut(engine, name);
      left.push(blobs());
      const images = await engine.images.list();
      expect(images.map(({ size }) => size)).toEqual(images.map(() => 300));
      expect(images).toHaveLength(blobs() / 5);
    }
    expect(left).toEqual([40, 40, 40, 35, 15, 0]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
