import * as v from 'valibot';

const id = v.pipe(v.string(), v.regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, 'an id of lower-case letters, digits and hyphens'));
const absolutePath = v.pipe(v.string(), v.regex(/^\/[^\0]*$/, 'an absolute path'));
const oneOrMore = v.union([id, v.pipe(v.array(id), v.minLength(1, 'at least one id'))]);

const perStack = {
  resolver: v.pipe(id, v.description('Finds and fetches images.')),
  snapshotter: v.pipe(
    oneOrMore,
    v.description('Keeps file trees: one id, or several in order of preference (the first that this host can run).'),
  ),
  runtime: v.pipe(id, v.description('Runs containers.')),
  network: v.pipe(id, v.description('Joins containers to networks.')),
  differ: v.pipe(id, v.description("Unpacks layers. Left out: the one that writes the snapshotter's layer target.")),
};

/** The one schema of the config file: validation, comments of the default file and JSON Schema all come from it. */
export const configSchema = v.strictObject({
  version: v.pipe(v.literal(1), v.description('Version of this format.')),
  root: v.pipe(absolutePath, v.description('Images, snapshots and metadata. Survives a reboot.')),
  state: v.pipe(absolutePath, v.description('Running containers and work in flight. Gone after a reboot.')),
  plugins: v.strictObject({
    standard: v.pipe(v.array(v.string()), v.description('Plugin packages that Slipway comes with.')),
    search: v.pipe(
      v.array(v.string()),
      v.description(
        'Further plugins: package names, or paths relative to this file. Names are looked up from the folder of this file, in /usr/lib/slipway/plugins, and in the installation.',
      ),
    ),
    disabled: v.pipe(v.array(v.string()), v.description('Names of plugin packages that are not to be used.')),
  }),
  stack: v.pipe(
    v.strictObject({
      metadata: v.pipe(id, v.description('Keeps names, containers and the books of everything.')),
      content: v.pipe(id, v.description('Keeps blobs by digest.')),
      resolver: perStack.resolver,
      snapshotter: perStack.snapshotter,
      runtime: perStack.runtime,
      differ: v.optional(perStack.differ),
      network: v.optional(perStack.network),
    }),
    v.description('The plugin (by id) that is wired for each point.'),
  ),
  stacks: v.pipe(
    v.optional(
      v.record(
        id,
        v.strictObject({
          resolver: v.optional(perStack.resolver),
          snapshotter: v.optional(perStack.snapshotter),
          runtime: v.optional(perStack.runtime),
          differ: v.optional(perStack.differ),
          network: v.optional(perStack.network),
        }),
      ),
      {},
    ),
    v.description('[stacks.NAME] says what another stack has different from [stack]. Chosen with --stack NAME.'),
  ),
  default_network: v.pipe(
    v.optional(v.pipe(v.string(), v.regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/, 'the name of a network, or "none"')), 'bridge'),
    v.description('The network that the command line gives containers, and that "default" stands for; "none" for no network.'),
  ),
  pull: v.pipe(
    v.optional(
      v.strictObject({
        discard_unpacked_layers: v.pipe(
          v.optional(v.boolean(), false),
          v.description(
            'Remove the compressed layers of an image once they are unpacked: less disk. They are fetched again when they are needed, as for another snapshotter.',
          ),
        ),
      }),
      {},
    ),
    v.description('How images are brought in.'),
  ),
  plugin: v.pipe(
    v.optional(v.record(v.string(), v.record(v.string(), v.unknown())), {}),
    v.description("[plugin.NAME] is a plugin's own section, checked by its own schema. NAME is its package without the scope."),
  ),
});

export type ConfigSettings = v.InferOutput<typeof configSchema>;
