import 'reflect-metadata';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Snapshotter } from '@slipway/plugin-api';
import { fileMetadata, openPlugin, type Subject } from '@slipway/plugin-testkit/subjects';
import { plugin } from '@slipway/snapshot-kata';

export interface Settings {
  readonly upper: 'ext4' | 'directory';
  /** MiB. */
  readonly upper_size: number;
  readonly verity?: boolean;
}

/** The plugin on `<root>/plugin`, with its books in a file beside it. */
export async function openKata(root: string, config: Settings): Promise<Subject<Snapshotter>> {
  const metadata = fileMetadata(join(root, 'metadata.json'));
  // Makes its file, so that what changes on disk afterwards is the snapshotter's.
  await metadata.write(() => undefined);
  return await openPlugin(plugin, {
    config: { ...config },
    dirs: { root: join(root, 'plugin'), state: join(root, 'state') },
    needs: { metadata },
  });
}

/** For laws of what is left on disk: what all snapshots share, which the first one makes, is there. */
export async function openMade(root: string, config: Settings): Promise<Subject<Snapshotter>> {
  const isNew = !existsSync(join(root, 'plugin/made'));
  const subject = await openKata(root, config);
  if (!isNew) return subject;
  await subject.instance.prepare('first');
  await subject.instance.remove('first');
  await subject.instance.cleanup();
  return subject;
}
