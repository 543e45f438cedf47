import type { CommandSpec } from '../command.js';
import { platformOption } from '../options.js';

const group = 'Images:';

/** Images as files. */
export const archiveSpecs: readonly CommandSpec[] = [
  {
    name: 'save',
    group,
    args: [{ name: '<ref...>', text: 'names or digests of images that are here' }],
    summary: 'write images into an archive',
    description:
      'Of each image all platforms that are here, or the one of --platform; a docker-archive has one, and does not keep digests. A file is whole or not there; with --format oci the images join those of the folder. Without -o the archive goes to stdout, which must be no terminal.',
    examples: [
      ['slipway save -o alpine.tar alpine', 'an OCI archive: podman, skopeo, ctr and docker (25 or later) read it'],
      ['slipway save --format docker-archive app:1 | ssh host docker load', 'for any docker'],
      ['slipway save --format oci -o images alpine debian:12', 'a folder, two images'],
    ],
    options: [
      { flags: '-o, --output <path>', text: 'write there instead of stdout', completes: 'file' },
      {
        flags: '--format <format>',
        text: 'what to write (oci-archive)',
        choices: ['oci-archive', 'docker-archive', 'oci'],
      },
      platformOption,
    ],
    load: async () => (await import('./save.js')).save,
  },
  {
    name: 'load',
    group,
    args: [],
    summary: 'bring in the images of an archive',
    description:
      'An OCI archive or a docker-archive, also compressed with gzip or zstd, or a folder with an OCI image layout. Names that the archive states mean its images from then on; what they meant before is told. To run an image straight from an archive: slipway run oci-archive:FILE.',
    examples: [
      ['slipway load -i alpine.tar', 'what slipway, docker, podman, skopeo or ctr has written'],
      ['docker save app:1 | slipway load', 'from stdin'],
      ['slipway load -i layout --name app:2', 'an archive of one image, under a name of its own'],
    ],
    options: [
      { flags: '-i, --input <path>', text: 'read it instead of stdin', completes: 'file' },
      { flags: '--name <ref>', text: 'name of the one image of the archive' },
      platformOption,
    ],
    surplus: 'an archive is named with -i FILE, or comes on stdin',
    load: async () => (await import('./load.js')).load,
  },
];
