import type { Config, StackChoice } from '../config/load.js';
import { describeSource } from '../config/source.js';
import { spellKey } from '../config/table.js';
import { suggestion } from '../nearest.js';
import type { Problem } from '../problem.js';
import { type Catalog, type CatalogEntry, describePackage } from './catalog.js';

/** Which plugin answers for a point: several are in order of preference, the first that the host can run. */
export interface Choice {
  readonly candidates: readonly CatalogEntry[];
  /** True when `[stack]` names them, so that a host which can run none of them is an error. */
  readonly wired: boolean;
}

export function isChoice(value: Choice | Problem): value is Choice {
  return 'candidates' in value;
}

/** `snapshotter` of `snapshotter.v1`: the key of the point in `[stack]`. */
function stackKey(pointId: string): string {
  return pointId.slice(0, pointId.lastIndexOf('.v'));
}

export function providersOf(catalog: Catalog, pointId: string): CatalogEntry[] {
  return catalog.entries.filter((entry) => entry.manifest.provides === pointId && !entry.disabled);
}

/** What `[stack]` wires for the point, or the only plugin that provides it. `needer` says who asks. */
export function chooseOne(catalog: Catalog, config: Config, pointId: string, needer: string): Choice | Problem {
  const providers = providersOf(catalog, pointId);
  const key = stackKey(pointId);
  const written = (config.settings.stack as Readonly<Record<string, string | string[] | undefined>>)[key];
  if (written !== undefined) {
    const wired = [written].flat().flatMap((id) => providers.filter((entry) => entry.manifest.id === id));
    if (wired.length > 0) return { candidates: wired, wired: true };
  }
  if (providers.length === 0) return missing(catalog, pointId, needer);
  if (providers.length === 1) return { candidates: providers, wired: false };
  return {
    kind: 'failed-precondition',
    code: 'POINT_AMBIGUOUS',
    message: `${needer} needs one ${pointId}, found ${providers.map(({ manifest }) => manifest.id).join(', ')}`,
    hint: Object.hasOwn(config.settings.stack, key)
      ? `choose one as ${key} in [stack]`
      : 'name all but one of their packages in plugins.disabled',
  };
}

/** The plugin of this point and id. */
export function chooseById(catalog: Catalog, pointId: string, id: string): Choice | Problem {
  const entry = catalog.entries.find(({ manifest }) => manifest.provides === pointId && manifest.id === id);
  if (entry === undefined) {
    return {
      kind: 'not-found',
      code: 'PLUGIN_UNKNOWN',
      message: `there is no plugin ${pointId}/${id}`,
      hint: suggestion(
        id,
        providersOf(catalog, pointId).map(({ manifest }) => manifest.id),
      ),
    };
  }
  if (!entry.disabled) return { candidates: [entry], wired: true };
  return {
    kind: 'failed-precondition',
    code: 'PLUGIN_DISABLED',
    message: `plugin ${entry.address} is disabled by the configuration`,
    hint: `take "${entry.manifest.package}" out of plugins.disabled`,
  };
}

function missing(catalog: Catalog, pointId: string, needer: string): Problem {
  const disabled = catalog.entries.filter((entry) => entry.manifest.provides === pointId);
  return {
    kind: 'failed-precondition',
    code: 'POINT_MISSING',
    message: `${needer} needs ${pointId}, which no enabled plugin provides`,
    hint:
      disabled.length === 0
        ? 'add a package that provides it to plugins.search'
        : `disabled by the configuration: ${disabled.map(({ manifest }) => describePackage(manifest)).join(', ')}`,
  };
}

/**
 * A stack that no file speaks of: one that Slipway comes with. Where its plugins are turned off, or are not there, nobody has asked for it.
 */
export function isOfferedOnly(config: Config, stack: string): boolean {
  return Object.hasOwn(config.settings.stacks, stack) && config.sourceOf(['stacks', stack]).kind === 'default';
}

/** Whether every plugin that the stack names is there and enabled. */
export function isWired(catalog: Catalog, stack: StackChoice): boolean {
  return Object.entries(stack).every(([key, value]) =>
    [value as string | readonly string[]].flat().every((id) => {
      const { entries } = catalog;
      return entries.some(({ manifest, disabled }) => stackKey(manifest.provides) === key && manifest.id === id && !disabled);
    }),
  );
}

/** Ids in `[stack]` and `[stacks.*]` that no enabled plugin has. */
export function wiringProblems(catalog: Catalog, config: Config): Problem[] {
  const written: { path: string[]; value: string | readonly string[] | undefined }[] = [];
  const collect = (base: string[], stack: object): void => {
    for (const [key, value] of Object.entries(stack)) written.push({ path: [...base, key], value });
  };
  collect(['stack'], config.settings.stack);
  for (const [name, stack] of Object.entries(config.settings.stacks)) {
    if (!isOfferedOnly(config, name)) collect(['stacks', name], stack);
  }
  return written.flatMap(({ path, value }) =>
    (value === undefined ? [] : [value].flat()).flatMap((id): Problem[] => {
      const key = path.at(-1) ?? '';
      const providers = catalog.entries.filter(({ manifest }) => stackKey(manifest.provides) === key);
      const match = providers.find(({ manifest }) => manifest.id === id);
      if (match !== undefined && !match.disabled) return [];
      const where = `${describeSource(config.sourceOf(path), path)}: ${spellKey(path)}`;
      if (match !== undefined) {
        return [
          {
            kind: 'failed-precondition',
            code: 'STACK_PLUGIN_DISABLED',
            message: `${where} wires "${id}", which plugins.disabled turns off`,
            hint: `take "${match.manifest.package}" out of plugins.disabled, or wire another ${key}`,
          },
        ];
      }
      return [
        {
          kind: 'not-found',
          code: 'STACK_PLUGIN_UNKNOWN',
          message: `${where}: found "${id}", which is no known ${key}`,
          hint: suggestion(
            id,
            providers.filter((entry) => !entry.disabled).map(({ manifest }) => manifest.id),
          ),
        },
      ];
    }),
  );
}
