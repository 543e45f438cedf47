import 'reflect-metadata';
import { join } from 'node:path';
import { type OpenRuntime, openPlugin } from '@slipway/plugin-testkit/subjects';
import { plugin } from '@slipway/runtime-crun';

export const openSubject: OpenRuntime = (root) =>
  openPlugin(plugin, { dirs: { root: join(root, 'plugin'), state: join(root, 'state') } });
