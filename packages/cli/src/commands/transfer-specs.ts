import type { CommandSpec } from '../command.js';
import { platformOption } from '../options.js';

const group = 'Images:';

const places = 'oci:DIRECTORY[:TAG], oci-archive:FILE[:TAG] and docker-archive:FILE[:NAME] are names as well.';

/** What brings images from one place to another. */
export const transferSpecs: readonly CommandSpec[] = [
  {
    name: 'push',
    group,
    args: [
      { name: '<ref>', text: 'name of an image that is here' },
      { name: '[destination]', text: 'another name to push it to, as podman takes it' },
    ],
    summary: 'send an image to a registry',
    description: `Only what the registry lacks is sent, and the name is given last. Of an index that is here whole all platforms go; where one platform of it is here, its manifest goes alone. ${places}`,
    examples: [
      ['slipway push registry.example.com/app:1.2', 'under its own name'],
      ['slipway push app registry.example.com/team/app:1.2', 'under another name'],
      ['slipway push --platform linux/arm64 registry.example.com/app', "one platform's manifest alone"],
    ],
    options: [{ ...platformOption, text: 'only the manifest of this platform, as linux/arm64' }],
    load: async () => (await import('./push.js')).push,
  },
  {
    name: 'copy',
    group,
    args: [
      { name: '<source>', text: 'name of an image in a registry; one that is here is for slipway push' },
      { name: '<destination>', text: 'name to copy it to' },
    ],
    summary: 'copy an image from one registry to another',
    description: `All platforms, with their digests. Nothing is stored here. ${places}`,
    examples: [
      ['slipway copy alpine registry.example.com/mirror/alpine', 'every platform'],
      ['slipway copy --referrers registry.example.com/app:1 oci:/srv/app:1', 'with signatures and SBOMs, to a folder'],
    ],
    options: [
      { ...platformOption, text: 'only the manifest of this platform, as linux/arm64' },
      { flags: '--referrers', text: 'also what refers to it: signatures, SBOMs' },
    ],
    load: async () => (await import('./copy.js')).copy,
  },
  {
    name: 'tag',
    group,
    args: [
      { name: '<ref>', text: 'name or digest of an image that is here' },
      { name: '<name...>', text: 'further names for it' },
    ],
    summary: 'give an image further names',
    description: 'A name that meant another image means this one from now on.',
    examples: [['slipway tag app registry.example.com/app:1.2 registry.example.com/app:1', 'two names, for slipway push']],
    options: [],
    load: async () => (await import('./tag.js')).tag,
  },
  {
    name: 'referrers',
    group,
    args: [{ name: '<ref>', text: 'name of an image' }],
    summary: 'list what refers to an image where it comes from: signatures, SBOMs',
    examples: [
      ['slipway referrers registry.example.com/app:1', 'types, digests and sizes'],
      ['slipway referrers --artifact-type application/spdx+json -q registry.example.com/app:1', 'digests of one type'],
    ],
    options: [{ flags: '--artifact-type <type>', text: 'only of this media type' }],
    load: async () => (await import('./referrers.js')).referrers,
  },
];
