import type { CommandSpec, OptionSpec } from '../command.js';
import { platformOption } from '../options.js';

const [containers, images] = ['Containers:', 'Images:'];

const madeOptions: readonly OptionSpec[] = [
  { flags: '-c, --change <instruction>', text: 'change the config, as with CMD ["sh"]; may be repeated', repeats: true },
  { flags: '-m, --message <text>', text: 'comment in the history' },
  { flags: '-a, --author <author>', text: 'who made it, as with "A. Person <a@example.com>"' },
];

const changesText =
  'Instructions are those of a Dockerfile that an image config has a place for: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME and WORKDIR.';

/** What is made of containers. */
export const containerSpecs: readonly CommandSpec[] = [
  {
    name: 'commit',
    group: containers,
    args: [
      { name: '<container>', text: 'its --name, its id or the beginning of that' },
      { name: '<ref>', text: 'name of the new image' },
    ],
    summary: 'make an image of what a container has changed',
    description: `The container goes on; what changes its files meanwhile makes the commit fail. The config is that of the container's image. ${changesText}`,
    examples: [
      ['slipway commit web app:2', 'all files as they are now'],
      ["slipway commit -m 'add tools' -c 'CMD [\"bash\"]' web app:2", 'with another command'],
    ],
    options: madeOptions,
    load: async () => (await import('./commit.js')).commit,
  },
  {
    name: 'export',
    group: containers,
    args: [{ name: '<container>', text: 'its --name, its id or the beginning of that' }],
    summary: "write a container's files as a tar file",
    description: 'To stdout, which must be no terminal, or to a file, which is whole or not there. Sockets are left out.',
    examples: [
      ['slipway export web | gzip > web.tar.gz', 'compressed'],
      ['slipway export -o web.tar web', 'to a file'],
    ],
    options: [{ flags: '-o, --output <file>', text: 'write there instead of stdout', completes: 'file' }],
    load: async () => (await import('./export.js')).exportContainer,
  },
  {
    name: 'diff',
    group: containers,
    args: [
      { name: '<container|ref>', text: 'a container, or an image that is here' },
      { name: '[ref]', text: 'an image to compare that image with' },
    ],
    summary: 'list the files that a container or an image has changed',
    description:
      'Of a container: what it changed of its image. Of one image: what its top layer changed. Of two: what the second has changed of the first. A is added, C changed, D deleted; a directory on the way to a change counts as changed.',
    examples: [
      ['slipway diff web', 'what the container has done'],
      ['slipway diff app:1 app:2', 'from one image to another'],
    ],
    options: [],
    load: async () => (await import('./diff.js')).diff,
  },
];

export const importSpec: CommandSpec = {
  name: 'import',
  group: images,
  args: [
    { name: '<file>', text: 'a tar file, plain or compressed with gzip or zstd; - for stdin', completes: 'file' },
    { name: '<ref>', text: 'name of the new image' },
  ],
  summary: 'make an image of a tar file of a root file system',
  description: `${changesText} Images with layers and a config, as of slipway save, are for slipway load.`,
  examples: [
    ['slipway import rootfs.tar.gz base:1', 'an image of one layer'],
    ['tar -C rootfs -c . | slipway import -c \'CMD ["sh"]\' - base:1', 'from stdin, with a command'],
  ],
  options: [...madeOptions, platformOption],
  load: async () => (await import('./import.js')).importImage,
};

export const historySpec: CommandSpec = {
  name: 'history',
  group: images,
  args: [{ name: '<ref>', text: 'name or digest of an image that is here' }],
  summary: 'show how an image was made',
  description: 'Topmost first. SIZE is that of the layer as it is stored and sent, compressed.',
  examples: [
    ['slipway history alpine', 'a table'],
    ['slipway history --no-trunc alpine', 'whole commands and digests'],
  ],
  options: [platformOption, { flags: '--no-trunc', text: 'cut nothing short' }],
  load: async () => (await import('./history.js')).history,
};

export const imagesTreeSpec: CommandSpec = {
  name: 'images tree',
  group: images,
  args: [],
  summary: 'draw which images share which layers',
  examples: [['slipway images tree', 'a name stands at the top layer of its image']],
  options: [],
  load: async () => (await import('./images-tree.js')).imagesTree,
};
