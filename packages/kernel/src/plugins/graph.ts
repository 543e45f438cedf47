import type { Config } from '../config/load.js';
import { type Problem, problemsError } from '../problem.js';
import type { Catalog, CatalogEntry } from './catalog.js';
import { type Definition, type LoadedDefinition, readNeed } from './definition.js';
import { chooseOne, isChoice, providersOf } from './wiring.js';

/** Loads the code of plugins as the graph asks for it. */
export type Load = (entry: CatalogEntry) => Promise<LoadedDefinition>;

/** To each plugin, those that are activated before it. */
type Edges = Map<CatalogEntry, readonly CatalogEntry[]>;

/**
 * Checks everything that must hold before any of `roots` is activated: the code of their closure (eager needs, and theirs)
 * is loaded and agrees with its manifests, every need has a provider, nothing waits for itself. All problems are reported in one error.
 * A lazy need must have a provider, but is not followed: its code stays unloaded. A circle through a lazy need is
 * possible as such; one that is waited for during activation is found there.
 */
export async function checkClosure(roots: readonly CatalogEntry[], catalog: Catalog, config: Config, load: Load): Promise<void> {
  const { problems, cause } = await closureProblems(roots, catalog, config, load);
  if (problems.length > 0) throw problemsError(`start ${roots.map(({ address }) => address).join(', ')}`, problems, cause);
}

export async function closureProblems(
  roots: readonly CatalogEntry[],
  catalog: Catalog,
  config: Config,
  load: Load,
): Promise<{ readonly problems: readonly Problem[]; readonly cause?: unknown }> {
  const edges: Edges = new Map();
  const found = new Map<CatalogEntry, readonly Problem[]>();
  let cause: unknown;
  const visit = async (entry: CatalogEntry): Promise<void> => {
    if (edges.has(entry)) return;
    edges.set(entry, []);
    const loaded = await load(entry);
    if (!loaded.ok) {
      found.set(entry, loaded.problems);
      cause ??= loaded.cause;
      return;
    }
    const needs = eagerNeeds(entry, loaded.definition, catalog, config);
    found.set(entry, needs.problems);
    edges.set(entry, needs.entries);
    await Promise.all(needs.entries.map(visit));
  };
  await Promise.all(roots.map(visit));
  // In the order of the catalog, whichever module happened to load first.
  const problems = catalog.entries.flatMap((entry) => found.get(entry) ?? []);
  return { problems: dedupe([...problems, ...circles(edges, roots)]), cause };
}

function eagerNeeds(
  entry: CatalogEntry,
  { needs }: Definition,
  catalog: Catalog,
  config: Config,
): { readonly entries: CatalogEntry[]; readonly problems: Problem[] } {
  const entries: CatalogEntry[] = [];
  const problems: Problem[] = [];
  for (const need of Object.values(needs)) {
    const { kind, pointId } = readNeed(need);
    if (kind === 'many') entries.push(...providersOf(catalog, pointId));
    if (kind === 'many' || kind === 'lazy-many') continue;
    if (kind === 'optional' && providersOf(catalog, pointId).length === 0) continue;
    const choice = chooseOne(catalog, config, pointId, entry.address);
    if (!isChoice(choice)) problems.push(choice);
    else if (kind !== 'lazy') entries.push(...choice.candidates.slice(0, 1));
  }
  return { entries, problems };
}

function circles(edges: Edges, roots: readonly CatalogEntry[]): Problem[] {
  const problems: Problem[] = [];
  const done = new Set<CatalogEntry>();
  const walk = (entry: CatalogEntry, above: readonly CatalogEntry[]): void => {
    const start = above.indexOf(entry);
    if (start >= 0) {
      problems.push(circleProblem(above.slice(start).map(({ address }) => address)));
      return;
    }
    if (done.has(entry)) return;
    for (const next of edges.get(entry) ?? []) walk(next, [...above, entry]);
    done.add(entry);
  };
  for (const entry of roots) walk(entry, []);
  return problems;
}

export function circleProblem(addresses: readonly string[]): Problem {
  return {
    kind: 'failed-precondition',
    code: 'PLUGIN_CYCLE',
    message: `plugins wait for each other in a circle: ${[...addresses, ...addresses.slice(0, 1)].join(' -> ')}`,
    hint: 'one of them must take the other by lazy() and not call it before it is active, or be disabled',
  };
}

function dedupe(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [problem.message, problem])).values()];
}
