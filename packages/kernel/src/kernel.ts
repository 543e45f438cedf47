import type { Logger, Point } from '@slipway/plugin-api';
import { Activator, type Timeouts } from './activation/activator.js';
import { closedError } from './activation/errors.js';
import { silentLog } from './activation/log.js';
import { choiceOf, NeedResolver } from './activation/needs.js';
import type { Config } from './config/load.js';
import { type BuiltinPlugin, type Catalog, type CatalogEntry, makeCatalog } from './plugins/catalog.js';
import { type LoadedDefinition, loadWithin } from './plugins/definition.js';
import { discover, type PluginPlaces } from './plugins/discovery.js';
import { checkClosure, closureProblems } from './plugins/graph.js';
import { shortName } from './plugins/manifest.js';
import type { PluginSchema } from './plugins/schemas.js';
import { chooseById, chooseOne, isOfferedOnly, isWired, wiringProblems } from './plugins/wiring.js';
import { type Problem, problemsError, throwProblems } from './problem.js';
import { checkStack } from './stack-check.js';
import { type PluginStatus, statusOf } from './status.js';
import { TrustCheck } from './trust.js';

export interface KernelOptions {
  readonly config: Config;
  /** Plugins that the program brings itself. */
  readonly builtin?: readonly BuiltinPlugin[] | undefined;
  readonly places: PluginPlaces;
  readonly log?: Logger | undefined;
  /** Default: 30 seconds for each. */
  readonly timeouts?: Partial<Timeouts> | undefined;
  readonly trust?: TrustCheck | undefined;
}

/**
 * The microkernel: finds plugins, checks them, activates what is asked for and its closure, and tears all of it down. It knows points
 * by their ids and no plugin.
 *
 * ```ts
 * await using kernel = await Kernel.boot({ config, places });
 * const content = await kernel.get(contentPoint);
 * ```
 */
export class Kernel implements AsyncDisposable {
  readonly config: Config;
  readonly #catalog: Catalog;
  readonly #activator: Activator;
  readonly #needs: NeedResolver;
  readonly #definitions = new Map<CatalogEntry, Promise<LoadedDefinition>>();
  /** What was wrong with code that was loaded and refused. */
  readonly #broken = new Map<CatalogEntry, readonly Problem[]>();
  readonly #trust: TrustCheck;
  readonly #timeouts: Timeouts;
  #closing: Promise<void> | undefined;

  /** Reads the manifests that the configuration names, and no code. All problems found are reported in one error. */
  static async boot(options: KernelOptions): Promise<Kernel> {
    const trust = options.trust ?? new TrustCheck();
    const found = discover(options.config, options.places, trust);
    const catalog = makeCatalog(options.config, found.manifests, options.builtin ?? []);
    // With a package missing, every id that it provides would be reported as unknown as well.
    const wiring = found.problems.length > 0 ? [] : wiringProblems(catalog, options.config);
    throwProblems('start Slipway', [...found.problems, ...catalog.problems, ...wiring]);
    return new Kernel(options, catalog, trust);
  }

  private constructor({ config, log = silentLog, timeouts }: KernelOptions, catalog: Catalog, trust: TrustCheck) {
    this.config = config;
    this.#catalog = catalog;
    this.#trust = trust;
    this.#timeouts = { loadMs: 30_000, activateMs: 30_000, releaseMs: 30_000, ...timeouts };
    const { root, state } = config.settings;
    const load = (entry: CatalogEntry): Promise<LoadedDefinition> => this.#load(entry);
    this.#activator = new Activator({
      root,
      state,
      log,
      timeouts: this.#timeouts,
      load,
      resolveNeeds: (cell, definition) => this.#needs.resolve(cell, definition),
    });
    this.#needs = new NeedResolver({
      catalog,
      config,
      activator: this.#activator,
      check: (entry) => checkClosure([entry], catalog, config, load),
    });
  }

  /**
   * The instance of a point, activated with its closure if it is not active: the plugin of that id, or else the one that is wired (`[stack]`) or the only one.
   * Errors: `not-found` for an unknown id; `failed-precondition` when it is skipped, failed or disabled, when its closure has problems, or the choice is ambiguous;
   * `canceled` after teardown. A request that fails leaves nothing active that it brought up alone.
   */
  async get<T>(point: Point<T>, id?: string): Promise<T> {
    if (this.#closing !== undefined) throw closedError();
    const choice = choiceOf(
      id === undefined
        ? chooseOne(this.#catalog, this.config, point.id, 'this program')
        : chooseById(this.#catalog, point.id, id),
    );
    const request = {};
    const { instance } = await this.#needs.first(choice, request);
    return instance as T;
  }

  /** Every known plugin, in order of discovery. */
  status(): PluginStatus[] {
    return this.#catalog.entries.map((entry) => statusOf(entry, this.#activator.cellOf(entry), this.#broken.get(entry)));
  }

  /** Loads the code of every enabled plugin and checks all of it, activating nothing: manifests, configuration, graph, and whether each stack fits. */
  async check(): Promise<Problem[]> {
    const enabled = this.#catalog.entries.filter((entry) => !entry.disabled);
    const { problems } = await closureProblems(enabled, this.#catalog, this.config, (entry) => this.#load(entry));
    const stacks = Object.entries(this.config.stacks).filter(
      ([name, stack]) => !isOfferedOnly(this.config, name) || isWired(this.#catalog, stack),
    );
    return [...problems, ...stacks.flatMap(([name, stack]) => checkStack(name, stack, this.#catalog))];
  }

  /** The configuration schemas of all enabled plugins. Loads their code. Errors: as {@link get} for a broken package. */
  async schemas(): Promise<PluginSchema[]> {
    const schemas: PluginSchema[] = [];
    for (const entry of this.#catalog.entries) {
      if (entry.disabled) continue;
      const loaded = await this.#load(entry);
      if (!loaded.ok) throw problemsError(`load plugin ${entry.address}`, loaded.problems, loaded.cause);
      const { package: name } = entry.manifest;
      schemas.push({ package: name, section: entry.section ?? shortName(name), schema: loaded.definition.plugin.config });
    }
    return schemas;
  }

  /** Releases everything that was activated: users before what they use, otherwise the latest first. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#activator.close();
    await this.#closing;
  }

  #load(entry: CatalogEntry): Promise<LoadedDefinition> {
    let loading = this.#definitions.get(entry);
    if (loading === undefined) {
      loading = loadWithin(entry, this.config, this.#trust, this.#timeouts.loadMs).then((loaded) => {
        if (!loaded.ok) this.#broken.set(entry, loaded.problems);
        return loaded;
      });
      this.#definitions.set(entry, loading);
    }
    return loading;
  }
}
