import type { ImageConfig } from '@slipway/plugin-api';
import { expect, test } from 'vitest';
import { wantedMounts } from '../../dist/mounts/wanted-mounts.js';

const imageWith = (volumes: readonly string[]): ImageConfig => ({
  os: 'linux',
  architecture: 'amd64',
  config: { Volumes: Object.fromEntries(volumes.map((name) => [name, {}])) },
  rootfs: { type: 'layers', diff_ids: [] },
});
const places = (count: number): string[] => Array.from({ length: count }, (_, index) => `/v/${index}`);

test('an image or a user with more mounts than a monitor can be handed is refused before any volume is made', () => {
  expect(wantedMounts({}, imageWith(places(512)))).toHaveLength(512);
  const tooMany = expect.objectContaining({ code: 'MOUNT_INVALID' });
  expect(() => wantedMounts({}, imageWith(places(513)))).toThrow(tooMany);
  const mounts = places(513).map((target) => ({ type: 'tmpfs' as const, target }));
  expect(() => wantedMounts({ mounts }, imageWith([]))).toThrow(tooMany);
  expect(wantedMounts({ mounts: mounts.slice(0, 512) }, imageWith(['/v/0']))).toHaveLength(512);
  expect(() => wantedMounts({ mounts: mounts.slice(0, 512) }, imageWith(['/w']))).toThrow(tooMany);
});
