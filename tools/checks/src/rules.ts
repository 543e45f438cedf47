/** The layers of the source tree; each package names its own in `nx.tags` as `layer:NAME`. */
export const layers = ['api', 'leaf', 'plugin', 'kernel', 'engine', 'root', 'cli', 'tool'] as const;
export type Layer = (typeof layers)[number];

/** Where a use of a package stands: code that is shipped, a test, or the dependency list of package.json. */
export type Place = 'src' | 'test' | 'manifest';

/** A package as the rules see it. */
export interface Member {
  readonly layer: Layer;
  /** Tagged `for:tests`: it helps tests and is never shipped. */
  readonly forTests: boolean;
}

const mayUse: Readonly<Record<Layer, readonly Layer[]>> = {
  api: ['api'],
  leaf: ['api', 'leaf'],
  plugin: ['api', 'leaf'],
  kernel: ['api', 'leaf'],
  engine: ['api', 'leaf'],
  root: ['api', 'leaf', 'kernel', 'engine'],
  cli: ['api', 'leaf', 'kernel', 'engine', 'root'],
  tool: layers,
};

/** Why `from` must not use `to` at that place; undefined when it may. */
export function refusal(from: Member, to: Member, place: Place, developmentOnly = false): string | undefined {
  if (from.layer === 'tool' || (from.forTests && to.forTests)) return undefined;
  if (to.forTests) {
    return place === 'test' || developmentOnly ? undefined : 'what is tagged for:tests is for tests alone';
  }
  // The composition root installs the default plugins; it names them as config values and never as code.
  if (from.layer === 'root' && to.layer === 'plugin') {
    return place === 'manifest' ? undefined : 'the composition root depends on plugins in package.json only, never in code';
  }
  if (mayUse[from.layer].includes(to.layer)) return undefined;
  return `${from.layer} may use ${mayUse[from.layer].join(', ')} only, not ${to.layer}`;
}
