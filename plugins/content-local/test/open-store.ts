import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plugin } from '@slipway/content-local';
import type { ContentStore } from '@slipway/plugin-api';
import { openPlugin } from '@slipway/plugin-testkit';

/** The plugin on the folder `root`. */
export async function openStore(root: string): Promise<AsyncDisposable & { readonly store: ContentStore }> {
  const { instance, ...subject } = await openPlugin(plugin, { dirs: { root, state: root } });
  return { ...subject, store: instance };
}

export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'slipway-content-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
