import type { CommandSpec } from '../command.js';
import { platformOption } from '../options.js';

const group = 'Images:';

export const pullSpec: CommandSpec = {
  name: 'pull',
  group,
  args: [{ name: '<ref>', text: 'name of the image' }],
  summary: 'bring an image in from a registry',
  description: 'Progress goes to stderr; the digest, what happened and the full name to stdout, with -q the full name alone.',
  examples: [
    ['slipway pull alpine', 'docker.io/library/alpine:latest'],
    ['slipway pull --platform linux/arm64 registry.example.com:5000/app:1.2', 'for another platform'],
    ['slipway pull -q alpine@sha256:...', 'exactly this content, without progress'],
    ['slipway pull --discard-layers debian', 'keep the unpacked files alone'],
  ],
  options: [
    platformOption,
    { flags: '--discard-layers', text: 'remove the compressed layers once they are unpacked; fetched again when needed' },
  ],
  load: async () => (await import('./pull.js')).pull,
};

export const imagesSpecs: readonly CommandSpec[] = [
  {
    name: 'images ls',
    group,
    args: [{ name: '[pattern...]', text: 'only these names; * stands for any part' }],
    summary: 'list the images that are here (also: slipway images)',
    description:
      'CREATED is when the image was made, SIZE its compressed bytes that are here. An image that says nothing of when it was made counts as old.',
    examples: [
      ['slipway images', 'a table'],
      ['slipway images -q', 'full names alone'],
      ['slipway images --json', 'everything, as JSON'],
      ["slipway images 'registry.example.com/team/*'", 'those of one team'],
      ['slipway images -f label=maintainer=me -f since=debian:12', 'by label and age'],
    ],
    options: [
      {
        flags: '-f, --filter <key=value>',
        text: 'reference=PATTERN, label=KEY[=VALUE], before=IMAGE, since=IMAGE; can be given several times',
        offers: ['reference=', 'label=', 'before=', 'since='],
        repeats: true,
      },
      { flags: '--no-trunc', text: 'digests in full' },
    ],
    isDefault: true,
    load: async () => (await import('./images-ls.js')).imagesLs,
  },
  {
    name: 'images mount',
    group,
    args: [
      { name: '<ref>', text: 'name or digest of an image that is here' },
      { name: '<dir>', text: 'existing directory', completes: 'directory' },
    ],
    summary: "show an image's files on a directory, read-only",
    examples: [['slipway images mount alpine /mnt', 'until slipway images unmount /mnt']],
    options: [platformOption],
    load: async () => (await import('./images-mount.js')).imagesMount,
  },
  {
    name: 'images unmount',
    group,
    args: [{ name: '<dir>', text: 'directory of slipway images mount', completes: 'directory' }],
    summary: 'undo images mount',
    examples: [['slipway images unmount /mnt', 'leaves the directory empty again']],
    options: [],
    load: async () => (await import('./images-unmount.js')).imagesUnmount,
  },
];

export const rmiSpec: CommandSpec = {
  name: 'rmi',
  group,
  args: [{ name: '<ref...>', text: 'names or digests of images' }],
  summary: 'remove images (also: slipway images rm)',
  description: 'With the last name of an image also its content goes, but for what another image or a container uses.',
  examples: [
    ['slipway rmi alpine debian:12', 'two names'],
    ['slipway rmi $(slipway images -q)', 'all of them'],
    ['slipway rmi -f alpine', 'also the name that a container was made of'],
  ],
  options: [
    {
      flags: '-f, --force',
      text: 'also where a container uses it, which keeps what it needs; one that is not there is no failure',
    },
  ],
  load: async () => (await import('./rmi.js')).rmi,
};

export const imagesRmSpec: CommandSpec = {
  ...rmiSpec,
  name: 'images rm',
  summary: 'remove images (also: slipway rmi)',
  examples: [['slipway images rm alpine debian:12', 'two names']],
};
