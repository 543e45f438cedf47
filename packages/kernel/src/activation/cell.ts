import type { Capabilities, SlipwayError } from '@slipway/plugin-api';
import type { Clock } from '../clock.js';
import type { CatalogEntry } from '../plugins/catalog.js';
import type { OwnedResources } from './owned.js';

/** How an activation ended. */
export type Outcome =
  | { readonly state: 'active'; readonly instance: unknown; readonly capabilities: Capabilities }
  /** This host cannot run the plugin. */
  | { readonly state: 'skipped'; readonly reason: string; readonly hint?: string | undefined }
  | { readonly state: 'failed'; readonly error: SlipwayError };

/** One activation of one plugin. */
export interface Cell {
  readonly entry: CatalogEntry;
  /** Cells and requests that use the instance: when the last is gone by a failure, the instance goes too. */
  readonly users: Set<object>;
  /** What it uses itself, in the order in which it was taken. */
  readonly uses: Set<Cell>;
  /** What it is waiting for at this moment, so that a circle is found when it closes. */
  readonly waitsFor: Set<Cell>;
  readonly owned: OwnedResources;
  readonly abort: AbortController;
  /** Runs while the plugin's own `activate` does. */
  clock?: Clock;
  outcome?: Outcome;
  /** Settles with the outcome; never rejects. */
  readonly settled: Promise<Outcome>;
  /** The release in progress. */
  releasing?: Promise<void>;
  /** True while an `activate` that was given up has not come back. */
  stuck: boolean;
}

/** The chain of cells from `from` to `to` by what each waits for, or undefined. */
export function waitChain(from: Cell, to: Cell): readonly Cell[] | undefined {
  if (from === to) return [from];
  for (const next of from.waitsFor) {
    const chain = waitChain(next, to);
    if (chain !== undefined) return [from, ...chain];
  }
  return undefined;
}
