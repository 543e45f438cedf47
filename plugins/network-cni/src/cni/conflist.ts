import * as v from 'valibot';

/** A name that a network may have by the CNI specification, and in a path. */
export const networkNamePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/;

const typePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/;

const pluginSchema = v.looseObject({
  type: v.pipe(v.string(), v.regex(typePattern, 'the type of a plugin is the name of a program, without a path')),
  capabilities: v.optional(v.record(v.string(), v.boolean())),
});

/** One plugin of a chain with its configuration, as it stands in a file. */
export type PluginConfig = v.InferOutput<typeof pluginSchema>;

const versionPattern = /^\d{1,3}\.\d{1,3}\.\d{1,3}$/;

const common = {
  cniVersion: v.optional(v.pipe(v.string(), v.regex(versionPattern)), '0.1.0'),
  name: v.pipe(v.string(), v.regex(networkNamePattern, 'that is no name of a network')),
  disableCheck: v.optional(v.union([v.boolean(), v.string()])),
};

export const conflistSchema = v.looseObject({
  ...common,
  plugins: v.pipe(v.array(pluginSchema), v.minLength(1), v.maxLength(64)),
});

const confSchema = v.looseObject({ ...common, ...pluginSchema.entries });

/** A network's configuration (spec, section 1). */
export type Conflist = v.InferOutput<typeof conflistSchema>;

/** Results go on from plugin to plugin since this version; before it there were no chains. */
const oldest = '0.3.0';

/** Reads a `.conflist`, or a `.conf` or `.json` with one plugin, which is a list of one. Throws when it is neither. */
export function parseConflist(text: string, file: string): Conflist {
  const parsed: unknown = JSON.parse(text);
  const conflist = file.endsWith('.conflist') ? v.parse(conflistSchema, parsed) : listOfOne(v.parse(confSchema, parsed));
  if (!isAtLeast(conflist.cniVersion, oldest)) {
    throw new Error(`cniVersion is "${conflist.cniVersion}", expected ${oldest} or newer`);
  }
  return conflist;
}

function listOfOne(conf: v.InferOutput<typeof confSchema>): Conflist {
  const { cniVersion, name, disableCheck, ...plugin } = conf;
  return { cniVersion, name, ...(disableCheck === undefined ? {} : { disableCheck }), plugins: [plugin] };
}

/** Of versions with three numbers. */
export function isAtLeast(version: string, least: string): boolean {
  const [a, b] = [version, least].map((text) => text.split('.').map(Number)) as [number[], number[]];
  for (let index = 0; index < 3; index++) {
    const [left = 0, right = 0] = [a[index], b[index]];
    if (left !== right) return left > right;
  }
  return true;
}
