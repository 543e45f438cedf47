import 'reflect-metadata';
import { join } from 'node:path';
import { plugin } from '@slipway/content-local';
import type { ContentStore } from '@slipway/plugin-api';
import { type OpenSubject, openPlugin } from '@slipway/plugin-testkit/subjects';

export const openSubject: OpenSubject<ContentStore> = (root) =>
  openPlugin(plugin, { dirs: { root: join(root, 'plugin'), state: join(root, 'state') } });
