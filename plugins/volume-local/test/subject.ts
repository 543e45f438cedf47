import 'reflect-metadata';
import { join } from 'node:path';
import type { VolumeDriver } from '@slipway/plugin-api';
import { type OpenSubject, openPlugin } from '@slipway/plugin-testkit/subjects';
import { plugin } from '@slipway/volume-local';

/** The plugin on `<root>/plugin`, with what a reboot forgets in `<root>/state`. */
export const openSubject: OpenSubject<VolumeDriver> = (root) =>
  openPlugin(plugin, { dirs: { root: join(root, 'plugin'), state: join(root, 'state') } });
