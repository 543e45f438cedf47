import type { ArgumentSpec, CommandSpec } from '../command.js';

const group = 'Networks:';

const several: ArgumentSpec = { name: '<network...>', text: 'names', completes: 'networks' };
const container: ArgumentSpec = { name: '<container>', text: 'its name, its id or the beginning of that' };

export const networkSpecs: readonly CommandSpec[] = [
  {
    name: 'network create',
    group,
    args: [{ name: '<name>', text: 'a name that is free' }],
    summary: 'make a network',
    description: `Prints its name. Containers of one network find each other by their names, and reach the world through the host; other networks are kept apart. Without --subnet it gets the
next subnet that is free. Of several subnets one is IPv4 and one IPv6; --gateway and --ip-range belong to the one that they lie in.`,
    examples: [
      ['slipway network create web', 'for slipway run --network web'],
      ['slipway network create --ipv6 --subnet 10.90.0.0/24 --gateway 10.90.0.254 web', 'with a subnet of ours, and one of IPv6'],
      ['slipway network create --internal -o mtu=1400 data', 'with no way out of the host'],
    ],
    options: [
      { flags: '-d, --driver <driver>', text: 'its kind (bridge)' },
      { flags: '--subnet <cidr>', text: 'its addresses, as 10.90.0.0/24 or fd00:90::/64', repeats: true },
      { flags: '--gateway <address>', text: 'of the host in it (the first of the subnet)', repeats: true },
      { flags: '--ip-range <cidr>', text: 'give addresses out of this part of the subnet only', repeats: true },
      { flags: '--ipv6', text: 'also an IPv6 subnet, where none is given' },
      { flags: '--internal', text: 'no way out of the host' },
      { flags: '--label <key[=value]>', text: 'note something on it', repeats: true },
      { flags: '-o, --opt <key=value>', text: "mtu=BYTES, or one of the driver's own", repeats: true },
    ],
    load: async () => (await import('./network-create.js')).networkCreate,
  },
  {
    name: 'network ls',
    group,
    args: [],
    summary: 'list networks (also: slipway network)',
    description: "With those of the host's own configuration in /etc/cni/net.d.",
    examples: [
      ['slipway network ls', 'a table'],
      ['slipway network ls -q -f dangling=true', 'names of those that no container has'],
    ],
    options: [
      {
        flags: '-f, --filter <key=value>',
        text: 'name (a part of it), driver, label, dangling; can be given several times',
        repeats: true,
      },
    ],
    isDefault: true,
    load: async () => (await import('./network-ls.js')).networkLs,
  },
  {
    name: 'network inspect',
    group,
    args: [several],
    summary: 'show everything of networks, as JSON',
    examples: [["slipway network inspect web | jq -r '.[0].containers[].addresses[]'", 'who has which address']],
    options: [],
    load: async () => (await import('./network-inspect.js')).networkInspect,
  },
  {
    name: 'network rm',
    group,
    args: [several],
    summary: 'remove networks',
    description:
      'One that a container has, running or not, stays. What fails for one is told, the others have their turn, and the exit code is 1.',
    examples: [['slipway network rm web data', 'both']],
    options: [{ flags: '-f, --force', text: 'what is not there is no error' }],
    load: async () => (await import('./network-rm.js')).networkRm,
  },
  {
    name: 'network connect',
    group,
    args: [{ name: '<network>', text: 'its name' }, container],
    summary: 'let a container join a network',
    description: 'A running one at once; from now on also at each start.',
    examples: [
      ['slipway network connect data web', 'web finds the containers of data by their names'],
      ['slipway network connect --ip 10.90.0.7 --alias db data postgres', 'with a fixed address, and a second name'],
    ],
    options: [
      { flags: '--ip <address>', text: 'fixed IPv4 address' },
      { flags: '--ip6 <address>', text: 'fixed IPv6 address' },
      { flags: '--mac-address <mac>', text: 'of the interface, as 02:42:ac:11:00:02' },
      { flags: '--alias <name>', text: 'a further name in this network', repeats: true },
    ],
    load: async () => (await import('./network-connect.js')).networkConnect,
  },
  {
    name: 'network disconnect',
    group,
    args: [{ name: '<network>', text: 'its name' }, container],
    summary: 'take a container out of a network',
    description: 'A running one at once; from now on also at each start.',
    examples: [['slipway network disconnect data web', 'web goes on in its other networks']],
    options: [{ flags: '-f, --force', text: 'one that is not in it is no error' }],
    load: async () => (await import('./network-disconnect.js')).networkDisconnect,
  },
  {
    name: 'network prune',
    group,
    args: [],
    summary: 'remove the networks that no container has',
    description: 'But the default one, and those of the host. Asks before, unless --force or --dry-run is given.',
    examples: [
      ['slipway network prune', 'after a question'],
      ['slipway network prune -n --filter label=temporary', 'what would go of some'],
    ],
    options: [
      { flags: '-f, --force', text: 'do not ask' },
      { flags: '--filter <key=value>', text: 'label=KEY[=VALUE]; can be given several times', repeats: true },
      { flags: '-n, --dry-run', text: 'only say what would go' },
    ],
    load: async () => (await import('./network-prune.js')).networkPrune,
  },
];

export const portSpec: CommandSpec = {
  name: 'port',
  group: 'Containers:',
  args: [container, { name: '[port[/proto]]', text: 'a port of the container; all that are published when absent' }],
  summary: 'show where the published ports of a container are on the host',
  examples: [
    ['slipway port web', 'a line each: 80/tcp -> 0.0.0.0:8080'],
    ['slipway port web 80', 'of one port: 0.0.0.0:8080'],
  ],
  options: [],
  load: async () => (await import('./port.js')).port,
};
