import type { ListNetworksOptions } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { oneOf, onlyValue, readFilters } from '../filters.js';
import { withEngine } from '../host.js';
import { printable, printableJson } from '../printable.js';
import { table } from '../table.js';

const command = 'network ls';

export const networkLs: Action = async (invocation) => {
  const { options, global, output } = invocation;
  const filters = filtersOf(options.list('filter'));
  const networks = await withEngine(invocation, (engine) => engine.networks.list({ filters }));
  if (global.json) output.out(`${printableJson(networks, 2)}\n`);
  else if (global.quiet) output.out(networks.map(({ name }) => `${printable(name)}\n`).join(''));
  else
    output.out(
      table(
        ['NAME', 'DRIVER', 'SUBNETS', 'CONTAINERS'],
        networks.map(({ name, driver, subnets, internal, containers, default: isDefault }) => [
          `${name}${isDefault ? ' (default)' : ''}`,
          `${driver}${internal ? ', internal' : ''}`,
          subnets.map(({ subnet }) => subnet).join(', '),
          containers.map((container) => container.name).join(', '),
        ]),
      ),
    );
  return 0;
};

function filtersOf(given: readonly string[]): NonNullable<ListNetworksOptions['filters']> {
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
