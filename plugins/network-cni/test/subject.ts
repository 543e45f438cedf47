import 'reflect-metadata';
import { join } from 'node:path';
import { plugin } from '@slipway/network-cni';
import type { Network } from '@slipway/plugin-api';
import { type OpenSubject, openPlugin } from '@slipway/plugin-testkit/subjects';

/** The plugin on `<root>/plugin`, with what a reboot forgets in `<root>/state`; the host has no networks of its own. */
export const opener =
  (config: Readonly<Record<string, unknown>> = {}): OpenSubject<Network> =>
  (root) =>
    openPlugin(plugin, {
      dirs: { root: join(root, 'plugin'), state: join(root, 'state') },
      config: { config_folder: join(root, 'net.d'), ...config },
    });

export const openSubject = opener();
