import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPlugin, resolverLaws } from '@slipway/plugin-testkit';
import { plugin } from '@slipway/resolver-archive';
import { afterAll, describe, it } from 'vitest';
import { FolderOrigin } from './folder-origin.js';

const folder = mkdtempSync(join(tmpdir(), 'slipway-archive-laws-'));
afterAll(() => rmSync(folder, { recursive: true }));
let places = 0;

const badNames = [
  '',
  ' ',
  'alpine',
  '/srv/layout',
  'oci',
  'oci:',
  'oci:/a:',
  'OCI:/a',
  'dir:/a',
  'oci:/a\n',
  'oci:/a\0b',
  'oci:/a@sha256:short',
];

for (const form of ['oci', 'oci-archive', 'oci-archive.gz'] as const) {
  describe(form, async () => {
    await resolverLaws(
      { describe, it },
      async (root) => {
        places += 1;
        const origin = new FolderOrigin(join(folder, `${places}`), form);
        const { instance: resolver, ...subject } = await openPlugin(plugin, {
          dirs: { root: join(root, 'plugin'), state: join(root, 'state') },
        });
        return { ...subject, instance: { resolver, origin } };
      },
      {
        manifest: new URL('../package.json', import.meta.url),
        files: { badNames, pushed: form === 'oci' ? 'at-once' : 'when-complete' },
      },
    );
  });
}
