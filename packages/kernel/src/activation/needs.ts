import type { LazyInstances, Need } from '@slipway/plugin-api';
import type { Config } from '../config/load.js';
import type { Catalog, CatalogEntry } from '../plugins/catalog.js';
import { type Definition, readNeed } from '../plugins/definition.js';
import { type Choice, chooseById, chooseOne, isChoice, providersOf } from '../plugins/wiring.js';
import type { Problem } from '../problem.js';
import { problemsError } from '../problem.js';
import type { Activator } from './activator.js';
import type { Cell } from './cell.js';
import { closedError, SkippedError, type SkippedPlugin } from './errors.js';

export interface NeedsOptions {
  readonly catalog: Catalog;
  readonly config: Config;
  readonly activator: Activator;
  /** Checks a plugin's closure before it is activated. */
  readonly check: (entry: CatalogEntry) => Promise<void>;
}

/** Turns points into instances: what a plugin's `needs` say, and what is asked of the kernel from outside. */
export class NeedResolver {
  constructor(private readonly options: NeedsOptions) {}

  /** Activates what is needed at once, in the order in which it is written, and makes the lazy needs. */
  async resolve(cell: Cell, { needs }: Definition): Promise<Record<string, unknown>> {
    const resolved: Record<string, unknown> = {};
    for (const [name, need] of Object.entries(needs)) resolved[name] = await this.#resolveNeed(cell, need);
    return resolved;
  }

  /** The first candidate that this host can run. `user` holds it; on failure nothing is held. */
  async first({ candidates }: Choice, user: object, waiter?: Cell): Promise<{ readonly cell: Cell; readonly instance: unknown }> {
    const { activator, check } = this.options;
    const skipped: SkippedPlugin[] = [];
    for (const entry of candidates) {
      if (activator.cellOf(entry) === undefined) await check(entry);
      const { cell, outcome } = await activator.require(entry, user, waiter);
      if (outcome.state === 'active') return { cell, instance: outcome.instance };
      skipped.push({ entry, reason: outcome.reason, hint: outcome.hint });
    }
    throw new SkippedError(skipped);
  }

  async #resolveNeed(cell: Cell, need: Need): Promise<unknown> {
    const { kind, pointId } = readNeed(need);
    const { catalog, config } = this.options;
    switch (kind) {
      case 'one':
        return this.#take(cell, choiceOf(chooseOne(catalog, config, pointId, cell.entry.address)), cell);
      case 'optional':
        return this.#takeOptional(cell, pointId);
      case 'many':
        return this.#takeMany(cell, pointId);
      case 'lazy': {
        const choice = choiceOf(chooseOne(catalog, config, pointId, cell.entry.address));
        return () => this.#takeLazily(cell, choice);
      }
      case 'lazy-many':
        return this.#lazyInstances(cell, pointId);
    }
  }

  async #takeOptional(cell: Cell, pointId: string): Promise<unknown> {
    const { catalog, config } = this.options;
    if (providersOf(catalog, pointId).length === 0) return undefined;
    const choice = choiceOf(chooseOne(catalog, config, pointId, cell.entry.address));
    try {
      return await this.#take(cell, choice, cell);
    } catch (error) {
      if (error instanceof SkippedError && !choice.wired) return undefined;
      throw error;
    }
  }

  async #takeMany(cell: Cell, pointId: string): Promise<ReadonlyMap<string, unknown>> {
    const instances = new Map<string, unknown>();
    for (const entry of providersOf(this.options.catalog, pointId)) {
      try {
        instances.set(entry.manifest.id, await this.#take(cell, { candidates: [entry], wired: false }, cell));
      } catch (error) {
        if (!(error instanceof SkippedError)) throw error;
      }
    }
    return instances;
  }

  #lazyInstances(cell: Cell, pointId: string): LazyInstances<unknown> {
    const { catalog } = this.options;
    const providers = providersOf(catalog, pointId);
    return {
      ids: providers.map(({ manifest }) => manifest.id),
      declares: (id) => providers.find(({ manifest }) => manifest.id === id)?.manifest.declares,
      get: async (id) => this.#takeLazily(cell, choiceOf(chooseById(catalog, pointId, id))),
    };
  }

  /** While the plugin itself is still becoming active it waits for what it asks for, and its clock stands still. */
  async #takeLazily(cell: Cell, choice: Choice): Promise<unknown> {
    if (isGone(cell)) return takenBefore(cell, choice);
    return this.#take(cell, choice, cell.outcome === undefined ? cell : undefined);
  }

  async #take(cell: Cell, choice: Choice, waiter: Cell | undefined): Promise<unknown> {
    const taken = await this.first(choice, cell, waiter);
    // An activation that was given up meanwhile is unwound already: what comes now would be held by nobody.
    if (isGone(cell) && !cell.uses.has(taken.cell)) {
      await this.options.activator.drop(taken.cell, cell);
      throw closedError();
    }
    cell.uses.add(taken.cell);
    return taken.instance;
  }
}

function isGone(cell: Cell): boolean {
  return cell.abort.signal.aborted || (cell.outcome !== undefined && cell.outcome.state !== 'active');
}

/** A plugin that is being released may need what it has used, to clean up with it: that is released later. Nothing new is activated for it. */
function takenBefore(cell: Cell, { candidates }: Choice): unknown {
  for (const { entry, outcome, releasing } of cell.uses) {
    if (candidates.includes(entry) && outcome?.state === 'active' && releasing === undefined) return outcome.instance;
  }
  throw closedError();
}

export function choiceOf(found: Choice | Problem): Choice {
  if (isChoice(found)) return found;
  throw problemsError('find a plugin', [found]);
}
