import type { ListVolumesOptions } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { oneOf, onlyValue, readFilters } from '../filters.js';
import { withEngine } from '../host.js';
import { printable, printableJson } from '../printable.js';
import { table } from '../table.js';
import { formatAge } from '../units.js';

const command = 'volume ls';

export const volumeLs: Action = async (invocation) => {
  const { options, global, output } = invocation;
  const filters = filtersOf(options.list('filter'));
  const volumes = await withEngine(invocation, (engine) => engine.volumes.list({ filters }));
  if (global.json) output.out(`${printableJson(volumes, 2)}\n`);
  else if (global.quiet) output.out(volumes.map(({ name }) => `${printable(name)}\n`).join(''));
  else {
    const now = Date.now();
    output.out(
      table(
        ['DRIVER', 'NAME', 'CREATED', 'CONTAINERS'],
        volumes.map(({ driver, name, createdAt, containers }) => [
          driver,
          name,
          formatAge(createdAt, now),
          containers.join(', '),
        ]),
      ),
    );
  }
  return 0;
};

function filtersOf(given: readonly string[]): NonNullable<ListVolumesOptions['filters']> {
  const found = readFilters(command, given, ['name', 'driver', 'label', 'dangling']);
  const [dangling] = oneOf(command, 'dangling', found.dangling, ['true', 'false', '1', '0']);
  onlyValue(command, 'dangling', found.dangling);
  const some = (values: readonly string[]): readonly string[] | undefined => (values.length === 0 ? undefined : values);
  return {
    name: some(found.name),
    driver: some(found.driver),
    label: some(found.label),
    dangling: dangling === undefined ? undefined : dangling === 'true' || dangling === '1',
  };
}
