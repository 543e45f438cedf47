import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { hasCode } from '@slipway/plugin-api';
import { containerIds } from '../metadata/container-rows.js';
import type { EngineParts, EngineSettings } from '../settings.js';

/** What of a container survives a reboot beside its row and its snapshot: status, log, the config.json of its last start. */
export function containerFolder(root: string, id: string): string {
  return path.join(containersFolder(root), id);
}

export function containersFolder(root: string): string {
  return path.join(root, 'containers');
}

/** Where its monitor keeps the status. One that nothing of is to survive, as it goes with its command, has it in its bundle. */
export function supervisionFolder({ root, state }: EngineSettings, id: string): string {
  const folder = containerFolder(root, id);
  return existsSync(folder) ? folder : bundleDirectory(state, id);
}

export function bundleDirectory(state: string, id: string): string {
  return path.join(state, 'containers', id);
}

/** Folders of containers that no row tells of: only where nobody is making one. */
export function removeStrayFolders({ metadata, settings }: Pick<EngineParts, 'metadata' | 'settings'>): void {
  const known = new Set(metadata.read((tx) => containerIds(tx)));
  for (const id of namesIn(containersFolder(settings.root)))
    if (!known.has(id)) rmSync(containerFolder(settings.root, id), { recursive: true, force: true });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
