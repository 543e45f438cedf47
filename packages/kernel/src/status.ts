import type { Capabilities, Declarations } from '@slipway/plugin-api';
import type { Cell } from './activation/cell.js';
import type { CatalogEntry } from './plugins/catalog.js';
import type { Problem } from './problem.js';

/**
 * `available`: known, its code not loaded or not in use. `skipped`: this host cannot run it. `disabled`: by configuration.
 */
export type PluginState = 'available' | 'activating' | 'active' | 'skipped' | 'failed' | 'disabled';

/** One line of `plugins ls`. Plain data. */
export interface PluginStatus {
  /** `snapshotter.v1/overlay`. */
  readonly address: string;
  readonly point: string;
  readonly id: string;
  readonly package: string;
  readonly version: string;
  /** Version of plugin-api it was built against. */
  readonly api: string;
  readonly state: PluginState;
  /** Why it is skipped, failed or disabled. */
  readonly reason?: string | undefined;
  readonly hint?: string | undefined;
  readonly declares: Declarations;
  /** What it measured when it became active. */
  readonly capabilities?: Capabilities | undefined;
  /** Folder of its package; absent for one that the program brings itself. */
  readonly directory?: string | undefined;
}

export function statusOf(entry: CatalogEntry, cell: Cell | undefined, broken?: readonly Problem[]): PluginStatus {
  const { package: name, version, provides: point, id, api, declares, directory } = entry.manifest;
  const known = { address: entry.address, point, id, package: name, version, api, declares, directory };
  if (entry.disabled) return { ...known, state: 'disabled', reason: 'named in plugins.disabled' };
  const [refused] = broken ?? [];
  if (refused !== undefined) return { ...known, state: 'failed', reason: refused.message, hint: refused.hint };
  const outcome = cell?.outcome;
  if (cell === undefined) return { ...known, state: 'available' };
  if (outcome === undefined) return { ...known, state: 'activating' };
  switch (outcome.state) {
    case 'active':
      return { ...known, state: 'active', capabilities: outcome.capabilities };
    case 'skipped':
      return { ...known, state: 'skipped', reason: outcome.reason, hint: outcome.hint };
    case 'failed':
      return { ...known, state: 'failed', reason: outcome.error.message, hint: outcome.error.hint };
  }
}
