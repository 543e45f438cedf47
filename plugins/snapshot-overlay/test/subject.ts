import 'reflect-metadata';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileMetadata, type OpenSnapshotter } from '@slipway/plugin-testkit';
import { plugin } from '@slipway/snapshot-overlay';
import { activate } from './activate.ts';

/** The plugin on `<root>/plugin`, with its books in a file beside it. */
export const openSubject: OpenSnapshotter = async (root) => {
  const folder = join(root, 'plugin');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Another one each time, so that each probes; below the root, so that a killed process leaves nothing elsewhere.
  const state = mkdtempSync(join(root, 'state-'));
  const { instance, owned } = await activate(plugin, folder, fileMetadata(join(root, 'metadata.json')), state);
  return { snapshotter: instance, folder, [Symbol.asyncDispose]: () => owned.disposeAsync() };
};
