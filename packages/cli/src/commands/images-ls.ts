import { formatReference, recordedReference } from '@slipway/oci';
import type { Image, ListImagesOptions } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { printable, printableJson } from '../printable.js';
import { shortDigest } from '../short-digest.js';
import { table } from '../table.js';
import { formatAge, formatBytes } from '../units.js';
import { usageError } from '../usage-error.js';

export const imagesLs: Action = async (invocation) => {
  const { args, options, global, output } = invocation;
  const filters = readFilters(args, options.list('filter'));
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
export function readFilters(references: readonly string[], filters: readonly string[]): ListImagesOptions {
  const values: Record<string, string[]> = { reference: [...references], label: [], before: [], since: [] };
  for (const filter of filters) {
    const equals = filter.indexOf('=');
    const list = equals < 0 ? undefined : values[filter.slice(0, equals)];
    if (list === undefined)
      throw usageError('images ls', `the filter ${JSON.stringify(filter)} is none of reference=, label=, before=, since=`);
    list.push(filter.slice(equals + 1));
  }
  const { reference, label, before = [], since = [] } = values;
  for (const [name, list] of Object.entries({ before, since }))
    if (list.length > 1) throw usageError('images ls', `the filter ${name} is given ${list.length} times`);
  return { references: reference, labels: label, before: before[0], since: since[0] };
}
