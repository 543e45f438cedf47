import type { Activation, Logger, PluginContext } from '@slipway/plugin-api';
import { isSlipwayError, SlipwayError, wrapError } from '@slipway/plugin-api';
import { Clock } from '../clock.js';
import type { CatalogEntry } from '../plugins/catalog.js';
import type { Definition, LoadedDefinition } from '../plugins/definition.js';
import { circleProblem } from '../plugins/graph.js';
import { problemsError } from '../problem.js';
import { type Cell, type Outcome, waitChain } from './cell.js';
import { makeContainer } from './container.js';
import { makeDirs } from './dirs.js';
import { closedError, failedError, SkippedError, timedOutError } from './errors.js';
import { pluginLog } from './log.js';
import { OwnedResources } from './owned.js';

/** How long a plugin may take before it is given up and named, in milliseconds. */
export interface Timeouts {
  /** To load its code and check its configuration. */
  readonly loadMs: number;
  /** For its own `activate`, without what it waits for from others. */
  readonly activateMs: number;
  /** To release one resource. */
  readonly releaseMs: number;
}

export interface ActivatorOptions {
  readonly root: string;
  readonly state: string;
  readonly log: Logger;
  readonly timeouts: Timeouts;
  readonly load: (entry: CatalogEntry) => Promise<LoadedDefinition>;
  /** Activates what a plugin needs at once and makes its lazy needs. */
  readonly resolveNeeds: (cell: Cell, definition: Definition) => Promise<PluginContext<unknown, Definition['needs']>['needs']>;
}

/** Activates plugins, each at most once at a time, and releases them: users before what they use, the latest first. */
export class Activator {
  readonly #cells = new Map<CatalogEntry, Cell>();
  /** Active cells in order of activation. */
  readonly #order: Cell[] = [];
  #closed = false;

  constructor(private readonly options: ActivatorOptions) {}

  cellOf(entry: CatalogEntry): Cell | undefined {
    return this.#cells.get(entry);
  }

  /**
   * The settled activation of a plugin, begun if there is none: concurrent requests share it. `user` holds it until
   * {@link drop}. `waiter` is the cell that cannot become active before. Rejects when the activation failed; a failed one is tried anew by the next request.
   */
  async require(
    entry: CatalogEntry,
    user: object,
    waiter?: Cell,
  ): Promise<{ cell: Cell; outcome: Exclude<Outcome, { state: 'failed' }> }> {
    let cell = this.#cells.get(entry);
    while (cell?.releasing !== undefined) {
      await cell.releasing;
      cell = this.#cells.get(entry);
    }
    // What is up stays within reach of those that are not down yet.
    if (this.#closed && (cell?.outcome === undefined || cell.outcome.state === 'failed')) throw closedError();
    if (cell === undefined || (cell.outcome?.state === 'failed' && !cell.stuck)) cell = this.#begin(entry);
    cell.users.add(user);
    const outcome = await this.#wait(cell, waiter);
    if (outcome.state !== 'failed') return { cell, outcome };
    cell.users.delete(user);
    throw outcome.error;
  }

  /** Gives an instance back after a failure of its user; with its last user it is released. */
  async drop(cell: Cell, user: object): Promise<void> {
    cell.users.delete(user);
    if (cell.users.size === 0 && cell.outcome?.state === 'active') await this.#release(cell);
  }

  /** Gives up what is being activated, then releases everything. Rejects with all that failed. */
  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#cells.values()];
    for (const cell of all) if (cell.outcome === undefined) cell.abort.abort(closedError());
    await Promise.all(all.map((cell) => cell.settled));
    const errors: unknown[] = [];
    for (let cell = this.#nextToRelease(); cell !== undefined; cell = this.#nextToRelease()) {
      await this.#release(cell, errors);
    }
    if (errors.length === 0) return;
    throw new SlipwayError({
      kind: 'internal',
      code: 'TEARDOWN_FAILED',
      message: `tear the kernel down: ${errors.map((error) => wrapError('release', error).message).join('; ')}`,
      cause: new AggregateError(errors),
    });
  }

  async #wait(cell: Cell, waiter: Cell | undefined): Promise<Outcome> {
    if (cell.outcome !== undefined || waiter === undefined) return cell.settled;
    const circle = waitChain(cell, waiter);
    if (circle !== undefined) {
      throw problemsError('activate', [circleProblem(circle.map(({ entry }) => entry.address))]);
    }
    waiter.waitsFor.add(cell);
    waiter.clock?.pause();
    try {
      return await cell.settled;
    } finally {
      waiter.waitsFor.delete(cell);
      waiter.clock?.resume();
    }
  }

  #begin(entry: CatalogEntry): Cell {
    const { log, timeouts } = this.options;
    const onLateError = (error: unknown): void => log.warn(`late release of ${entry.address} failed`, { error: String(error) });
    const settled = Promise.withResolvers<Outcome>();
    const cell: Cell = {
      entry,
      users: new Set(),
      uses: new Set(),
      waitsFor: new Set(),
      owned: new OwnedResources(entry.address, timeouts.releaseMs, onLateError),
      abort: new AbortController(),
      settled: settled.promise,
      stuck: false,
    };
    this.#cells.set(entry, cell);
    this.#settle(cell).then(settled.resolve, settled.reject);
    return cell;
  }

  async #settle(cell: Cell): Promise<Outcome> {
    let outcome: Outcome;
    try {
      outcome = await this.#activate(cell);
    } catch (error) {
      outcome = { state: 'failed', error: isSlipwayError(error) ? (error as SlipwayError) : failedError(cell.entry, error) };
    }
    if (outcome.state === 'active') this.#order.push(cell);
    else await this.#unwind(cell, outcome);
    cell.outcome = outcome;
    return outcome;
  }

  async #activate(cell: Cell): Promise<Outcome> {
    const loaded = await this.options.load(cell.entry);
    if (!loaded.ok) throw problemsError(`load ${cell.entry.address}`, loaded.problems, loaded.cause);
    const { definition } = loaded;
    let needs: Awaited<ReturnType<ActivatorOptions['resolveNeeds']>>;
    try {
      needs = await this.options.resolveNeeds(cell, definition);
    } catch (error) {
      if (error instanceof SkippedError) return { state: 'skipped', reason: `it needs ${error.reason}`, hint: error.hint };
      throw error;
    }
    cell.abort.signal.throwIfAborted();
    const dirs = makeDirs(this.options.root, this.options.state, cell.entry.manifest);
    const log = pluginLog(this.options.log, cell.entry.address);
    const values = { config: definition.config, needs, dirs, log, signal: cell.abort.signal };
    const container = await makeContainer(values);
    return this.#run(cell, definition, { ...values, container });
  }

  /** The plugin's own code, within its time. */
  async #run(
    cell: Cell,
    { plugin }: Definition,
    values: Omit<PluginContext<unknown, Definition['needs']>, 'own' | 'skip'>,
  ): Promise<Outcome> {
    const givenUp = Promise.withResolvers<never>();
    const { signal } = cell.abort;
    signal.addEventListener('abort', () => givenUp.reject(signal.reason), { once: true });
    signal.throwIfAborted();
    let skipped: { readonly thrown: Error; readonly outcome: Outcome } | undefined;
    const context: PluginContext<unknown, Definition['needs']> = {
      ...values,
      own: (resource) => cell.owned.add(resource),
      skip: (reason, hint) => {
        const thrown = new Error(reason);
        skipped = { thrown, outcome: { state: 'skipped', reason, hint } };
        throw thrown;
      },
    };
    const { activateMs } = this.options.timeouts;
    using clock = new Clock(activateMs, () => cell.abort.abort(timedOutError(cell.entry, activateMs)));
    cell.clock = clock;
    cell.stuck = true;
    const work = (async () => plugin.activate(context))().finally(() => {
      cell.stuck = false;
    });
    try {
      const activation: unknown = await Promise.race([work, givenUp.promise]);
      if (
        typeof activation !== 'object' ||
        activation === null ||
        !('instance' in activation) ||
        activation.instance === undefined
      ) {
        throw new TypeError('activate() returned no instance');
      }
      const { instance, capabilities = {} } = activation as Activation<unknown>;
      return { state: 'active', instance, capabilities };
    } catch (error) {
      if (skipped !== undefined && error === skipped.thrown) return skipped.outcome;
      if (signal.aborted && error === signal.reason) throw error;
      throw failedError(cell.entry, error);
    } finally {
      delete cell.clock;
    }
  }

  /** Undoes an activation that did not succeed, and what was brought up for it alone. */
  async #unwind(cell: Cell, outcome: Outcome): Promise<void> {
    if (outcome.state === 'failed' && !cell.abort.signal.aborted) cell.abort.abort(outcome.error);
    for (const error of await cell.owned.release()) {
      this.options.log.warn(`release after the failed activation of ${cell.entry.address} failed`, { error: String(error) });
    }
    await this.#dropUses(cell);
  }

  async #dropUses(cell: Cell): Promise<void> {
    for (const used of [...cell.uses].reverse()) {
      cell.uses.delete(used);
      await this.drop(used, cell);
    }
  }

  async #release(cell: Cell, errors?: unknown[]): Promise<void> {
    cell.releasing ??= (async () => {
      cell.abort.abort(closedError());
      const found = await cell.owned.release();
      for (const error of found) {
        if (errors !== undefined) errors.push(error);
        else this.options.log.warn(`release of ${cell.entry.address} failed`, { error: String(error) });
      }
      this.#order.splice(this.#order.indexOf(cell), 1);
      this.#cells.delete(cell.entry);
      for (const used of cell.uses) used.users.delete(cell);
      if (!this.#closed) await this.#dropUses(cell);
    })();
    await cell.releasing;
  }

  /** The latest active cell that no active cell uses: a user drains before what it uses goes, also where it took that lazily, later than itself. */
  #nextToRelease(): Cell | undefined {
    return this.#order.findLast((cell) => !this.#order.some((other) => other.uses.has(cell))) ?? this.#order.at(-1);
  }
}
