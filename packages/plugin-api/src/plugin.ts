import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Point } from './point.js';

/**
 * How a package becomes a plugin.
 *
 * Its package.json says so, readable without running code:
 * ```json
 * "slipway": { "plugin": "./dist/plugin.js", "provides": "snapshotter.v1", "id": "acme", "api": "1.0",
 *              "declares": { "produces": ["overlay", "bind"], "layerTarget": "overlay" } }
 * ```
 * and the module exports `plugin`, made by {@link definePlugin}. The kernel compares the two on load.
 *
 * ```ts
 * export const plugin = definePlugin({
 *   provides: snapshotterPoint, id: 'acme', api: '1.0',
 *   config: v.strictObject({ compress: v.optional(v.boolean(), true) }),
 *   needs: { metadata: metadataPoint },
 *   activate: async ({ config, needs, dirs, own }) => ({ instance: own(await AcmeSnapshotter.open(dirs.root, needs.metadata)) }),
 * });
 * ```
 *
 * @stable
 * @since 0.1
 */

/** The version of this package that a plugin says it was built against (`api`): major.minor. */
export const apiVersion = '1.0';

// biome-ignore lint/suspicious/noExplicitAny: any point at all; its type is recovered by inference, never used as any
type AnyPoint = Point<any>;

/** Zero or one instance: `undefined` when nothing is wired. */
export interface OptionalNeed<P extends AnyPoint> {
  readonly need: 'optional';
  readonly point: P;
}
/** Every enabled plugin of the point, activated, by plugin id. */
export interface ManyNeed<P extends AnyPoint> {
  readonly need: 'many';
  readonly point: P;
}
/** In the graph check, but activated only when first asked for. */
export interface LazyNeed<P extends AnyPoint> {
  readonly need: 'lazy';
  readonly point: P;
}
/** Every enabled plugin of the point, each activated only when first asked for by id. */
export interface LazyManyNeed<P extends AnyPoint> {
  readonly need: 'lazy-many';
  readonly point: P;
}

export type Need = AnyPoint | OptionalNeed<AnyPoint> | ManyNeed<AnyPoint> | LazyNeed<AnyPoint> | LazyManyNeed<AnyPoint>;
export type Needs = Readonly<Record<string, Need>>;

export const optional = <P extends AnyPoint>(point: P): OptionalNeed<P> => ({ need: 'optional', point });
export const many = <P extends AnyPoint>(point: P): ManyNeed<P> => ({ need: 'many', point });
export const lazy = <P extends AnyPoint>(point: P): LazyNeed<P> => ({ need: 'lazy', point });
export const lazyMany = <P extends AnyPoint>(point: P): LazyManyNeed<P> => ({ need: 'lazy-many', point });

/** What {@link lazyMany} gives: look-up by plugin id. */
export interface LazyInstances<T> {
  /** Ids of all enabled plugins of the point, activated or not. */
  readonly ids: readonly string[];
  /** What the plugin's manifest declares, without loading its code. `undefined` for an unknown id. */
  declares(id: string): Declarations | undefined;
  /** Activates on first call. Rejects with `not-found` for an unknown id, `failed-precondition` for a skipped or failed one. */
  get(id: string): Promise<T>;
}

type ContractOf<P> = P extends Point<infer T> ? T : never;

export type Resolved<N> =
  N extends OptionalNeed<infer P>
    ? ContractOf<P> | undefined
    : N extends ManyNeed<infer P>
      ? ReadonlyMap<string, ContractOf<P>>
      : N extends LazyManyNeed<infer P>
        ? LazyInstances<ContractOf<P>>
        : N extends LazyNeed<infer P>
          ? () => Promise<ContractOf<P>>
          : ContractOf<N>;

export type ResolvedNeeds<N extends Needs> = { readonly [K in keyof N]: Resolved<N[K]> };

/** What a manifest may declare of its plugin, so that a stack can be checked without loading code. */
export type Declarations = Readonly<Record<string, string | boolean | readonly string[]>>;

/** What a plugin measured of itself and its host on activation, for `plugins ls` and for gating. Plain data. */
export type Capabilities = Readonly<Record<string, string | number | boolean | readonly string[]>>;

export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Folders of the plugin's own, made (0700) by the kernel before `activate`. */
export interface PluginDirs {
  /** Survives a reboot. One file system for the whole folder: rename works inside it. */
  readonly root: string;
  /** Gone after a reboot. */
  readonly state: string;
}

/**
 * The kernel's dependency-injection child container for this plugin, holding `config`, `dirs`, `log`, `signal` and each
 * need as values under {@link tokens}. It builds classes decorated by the same copy of tsyringe as the kernel's; a
 * plugin with a copy of its own, or none, builds its classes itself from the context.
 */
export interface PluginContainer {
  register<T>(token: string, provider: { readonly useValue: T }): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: the constructor type of dependency injection; arguments are resolved by token
  resolve<T>(type: new (...args: any[]) => T): T;
}

/** Tokens of the values in a {@link PluginContainer}: `@inject(tokens.config)`, `@inject(tokens.need('metadata'))`. */
export const tokens = {
  config: 'slipway:config',
  dirs: 'slipway:dirs',
  log: 'slipway:log',
  signal: 'slipway:signal',
  need: (name: string): string => `slipway:need:${name}`,
} as const;

export interface PluginContext<C, N extends Needs> {
  readonly config: C;
  readonly needs: ResolvedNeeds<N>;
  readonly dirs: PluginDirs;
  readonly log: Logger;
  /** Aborted when the kernel gives up on this activation or is torn down. */
  readonly signal: AbortSignal;
  readonly container: PluginContainer;
  /**
   * Hands a resource to the kernel, which disposes it on teardown (or when this activation fails) in reverse order.
   * Use it in the statement that acquires. Returns the resource.
   */
  own<R extends Disposable | AsyncDisposable>(resource: R): R;
  /** Ends the activation: this host cannot run the plugin. No error unless the stack wires it. */
  skip(reason: string, hint?: string): never;
}

export interface Activation<T> {
  readonly instance: T;
  readonly capabilities?: Capabilities;
}

export interface PluginDefinition<T, C, N extends Needs> {
  readonly provides: Point<T>;
  /** Kebab case; unique among plugins of the point. */
  readonly id: string;
  /** {@link apiVersion} of the plugin-api it was built against. */
  readonly api: string;
  /** Any Standard Schema (valibot, zod, arktype ...). Absent: the plugin takes no configuration. Unknown keys must be refused. */
  readonly config?: StandardSchemaV1<unknown, C>;
  readonly needs?: N;
  readonly declares?: Declarations;
  activate(context: PluginContext<C, N>): Activation<T> | Promise<Activation<T>>;
}

/** A plugin of any type, as the kernel handles it. */
export type Plugin = PluginDefinition<unknown, unknown, Needs>;

/** Types a plugin. Its config and needs reach `activate` with their own types. */
export function definePlugin<T, C = Record<string, never>, const N extends Needs = Record<never, never>>(
  definition: PluginDefinition<T, C, N>,
): PluginDefinition<T, C, N> {
  return definition;
}
