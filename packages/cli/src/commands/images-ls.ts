import { formatReference, recordedReference } from '@slipway/oci';
import type { Image } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { printable, printableJson } from '../printable.js';
import { table } from '../table.js';
import { formatAge, formatBytes } from '../units.js';

export const imagesLs: Action = async (invocation) => {
  const { global, output } = invocation;
  const images = await withEngine(invocation, (engine) => engine.images.list());
  if (global.json) output.out(`${printableJson(images, 2)}\n`);
  else if (global.quiet) output.out(images.map(({ name }) => `${printable(name)}\n`).join(''));
  else {
    const now = Date.now();
    output.out(
      table(
        ['REPOSITORY', 'TAG', 'DIGEST', 'PULLED', 'SIZE'],
        images.map((image) => row(image, now)),
      ),
    );
  }
  return 0;
};

function row(image: Image, now: number): string[] {
  const reference = recordedReference(image.name);
  const hex = image.target.digest.split(':')[1] ?? '';
  const { registry = '', repository = '', tag } = reference ?? {};
  const shown = reference === undefined ? image.name : formatReference({ registry, repository });
  return [shown, tag ?? '<none>', hex.slice(0, 12), formatAge(image.updatedAt, now), formatBytes(image.size)];
}
