import 'reflect-metadata';
import { join } from 'node:path';
import { plugin } from '@slipway/metadata-lmdb';
import type { MetadataStore } from '@slipway/plugin-api';
import { type OpenSubject, openPlugin } from '@slipway/plugin-testkit/subjects';

export const openSubject: OpenSubject<MetadataStore> = (root) =>
  openPlugin(plugin, { dirs: { root: join(root, 'plugin'), state: join(root, 'state') } });
