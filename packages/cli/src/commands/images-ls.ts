import { formatReference, recordedReference } from '@slipway/oci';
import type { Image, ListImagesOptions } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { onlyValue, readFilters } from '../filters.js';
import { withEngine } from '../host.js';
import { printable, printableJson } from '../printable.js';
import { shortDigest } from '../short-digest.js';
import { table } from '../table.js';
import { formatAge, formatBytes } from '../units.js';

export const imagesLs: Action = async (invocation) => {
  const { args, options, global, output } = invocation;
  const filters = filtersOf(args, options.list('filter'));
  const images = await withEngine(invocation, (engine) => engine.images.list(filters));
  if (global.json) output.out(`${printableJson(images, 2)}\n`);
  else if (global.quiet) output.out(images.map(({ name }) => `${printable(name)}\n`).join(''));
  else {
    const now = Date.now();
    const whole = options.flag('trunc') === false;
    output.out(
      table(
        ['REPOSITORY', 'TAG', 'IMAGE ID', 'CREATED', 'SIZE'],
        images.map((image) => row(image, now, whole)),
      ),
    );
  }
  return 0;
};

function row(image: Image, now: number, whole: boolean): string[] {
  const reference = recordedReference(image.name);
  const { digest } = image.target;
  const { registry = '', repository = '', tag } = reference ?? {};
  const shown = reference === undefined ? image.name : formatReference({ registry, repository });
  const created = image.created === undefined ? 'unknown' : formatAge(image.created, now);
  return [shown, tag ?? '<none>', whole ? digest : shortDigest(digest), created, formatBytes(image.size)];
}

/** As `docker images` takes them. */
function filtersOf(references: readonly string[], filters: readonly string[]): ListImagesOptions {
  const command = 'images ls';
  const { reference, label, before, since } = readFilters(command, filters, ['reference', 'label', 'before', 'since']);
  return {
    references: [...references, ...reference],
    labels: label,
    before: onlyValue(command, 'before', before),
    since: onlyValue(command, 'since', since),
  };
}
