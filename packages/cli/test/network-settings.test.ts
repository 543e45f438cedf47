import type { ContainerSettings } from '@slipway/plugin-api';
import { expect, test } from 'vitest';
import { OptionValues } from '../src/command.js';
import type { Output } from '../src/output.js';
import { type Choice, makeProgram } from '../src/program.js';
import { createOptionsOf } from '../src/run/create-options.js';
import { settingsOf } from '../src/run/settings/settings-of.js';

function chosen(args: readonly string[]): Choice {
  let choice: Choice | undefined;
  const output = { out: () => undefined, err: () => undefined } as unknown as Output;
  makeProgram(output, (one) => {
    choice = one;
  }).parse(['run', ...args, 'image'], { from: 'user' });
  if (choice === undefined) throw new Error('no command was chosen');
  return choice;
}

/** The command line through the real parser. */
function settings(args: readonly string[]): ContainerSettings {
  return settingsOf(new OptionValues(chosen(args).command.opts()), 'run');
}

function refusal(args: readonly string[]): string {
  try {
    settings(args);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('expected an error');
}

test('without a flag a container gets the default network of the configuration', () => {
  const { command } = chosen([]);
  const invocation = { name: 'run', args: ['image'], options: new OptionValues(command.opts()), global: {}, output: {} };
  expect(createOptionsOf(invocation as never).network).toBe('default');
});

test.each<[string[], ContainerSettings['network']]>([
  [['--network', 'web'], 'web'],
  [['--network', 'none'], 'none'],
  [['--network', 'container:db'], 'container:db'],
  [
    ['--network', 'web', '--network', 'data'],
    [{ network: 'web' }, { network: 'data' }],
  ],
  [
    ['--network', 'web', '--ip', '10.89.0.7', '--ip6', 'fd00::7', '--mac-address', '02:42:ac:11:00:02', '--network-alias', 'a'],
    [{ network: 'web', addresses: ['10.89.0.7', 'fd00::7'], mac: '02:42:ac:11:00:02', aliases: ['a'] }],
  ],
  [['--ip', '10.88.0.7'], [{ network: 'default', addresses: ['10.88.0.7'] }]],
  [
    ['--network', 'name=web,ip=10.89.0.7,alias=a,alias=b,mac-address=02:42:ac:11:00:02', '--network', 'data'],
    [{ network: 'web', addresses: ['10.89.0.7'], mac: '02:42:ac:11:00:02', aliases: ['a', 'b'] }, { network: 'data' }],
  ],
])('networks: %j', (args, network) => {
  expect(settings(args)).toEqual({ network });
});

test.each([
  [['--network', 'none', '--network', 'web'], '--network none: a container has that alone, found more'],
  [['--network', 'host', '--network-alias', 'a'], '--network host: a container has that alone, found more'],
  [
    ['--network', 'name=web,ip=10.89.0.7', '--ip', '10.89.0.8'],
    '--network has addresses for the first network, and so has a flag of its own',
  ],
  [['--network', 'ip=10.89.0.7'], 'expected name=NETWORK with'],
  [['--network', 'name=web,driver-opt=a'], 'expected name=NETWORK with'],
  [['--network', 'name=web,ip=fd00::1'], 'expected an IPv4 address in ip'],
  [['--ip', 'fd00::1'], '--ip "fd00::1": expected an IPv4 address'],
  [['--mac-address', '02:42'], 'expected an address such as 02:42:ac:11:00:02'],
])('networks refused: %j', (args, message) => {
  expect(refusal(args)).toContain(message);
});

test.each<[string, ContainerSettings['ports']]>([
  ['80', [{ containerPort: 80 }]],
  ['8080:80', [{ containerPort: 80, hostPort: 8080 }]],
  ['8080:80/udp', [{ containerPort: 80, hostPort: 8080, protocol: 'udp' }]],
  ['53/UDP', [{ containerPort: 53, protocol: 'udp' }]],
  ['127.0.0.1:8080:80', [{ containerPort: 80, hostPort: 8080, hostAddress: '127.0.0.1' }]],
  ['127.0.0.1::80', [{ containerPort: 80, hostAddress: '127.0.0.1' }]],
  ['0:80', [{ containerPort: 80 }]],
  ['[::1]:8080:80', [{ containerPort: 80, hostPort: 8080, hostAddress: '::1' }]],
  ['[::]::80', [{ containerPort: 80, hostAddress: '::' }]],
  ['8000-8002:80-82', [80, 81, 82].map((containerPort, index) => ({ containerPort, hostPort: 8000 + index }))],
  ['80-81', [{ containerPort: 80 }, { containerPort: 81 }]],
  ['127.0.0.1:8000-8001:80-81', [0, 1].map((n) => ({ containerPort: 80 + n, hostPort: 8000 + n, hostAddress: '127.0.0.1' }))],
])('-p %s', (text, ports) => {
  expect(settings(['-p', text])).toEqual({ ports });
});

test.each([
  '',
  '0',
  '65536',
  '8080:',
  ':80:',
  '8080:80:',
  'a:80',
  '8080:80/icmp',
  '::1:8080:80',
  '[127.0.0.1]:80:80',
  'example.com:80:80',
  '8000-8002:80',
  '80:8000-8001',
  '8002-8000:80-82',
  '1:2:3:4',
  '[::1:80:80',
])('-p %j is refused', (text) => {
  expect(refusal(['-p', text])).toContain(`--publish ${JSON.stringify(text)}: expected`);
});

test('ports that are exposed are published with all others', () => {
  expect(settings(['--expose', '80'])).toEqual({});
  expect(settings(['-P', '--expose', '80-81', '--expose', '53/udp'])).toEqual({
    publishAll: true,
    ports: [
      { containerPort: 80, protocol: 'tcp' },
      { containerPort: 81, protocol: 'tcp' },
      { containerPort: 53, protocol: 'udp' },
    ],
  });
  expect(refusal(['-P', '--expose', 'x'])).toContain('--expose "x": expected PORT');
});

test('names', () => {
  expect(settings(['--dns', '10.0.0.1', '--dns', 'fd00::1', '--dns-search', 'a.example', '--dns-option', 'ndots:2'])).toEqual({
    dns: { servers: ['10.0.0.1', 'fd00::1'], search: ['a.example'], options: ['ndots:2'] },
  });
  expect(settings(['--dns-search', '.'])).toEqual({ dns: { search: [] } });
  expect(refusal(['--dns', 'resolver'])).toContain('--dns "resolver": expected an address');
  expect(settings(['--add-host', 'db:10.0.0.5', '--add-host', 'v6=[fd00::5]', '--add-host', 'host:host-gateway'])).toEqual({
    extraHosts: [
      { name: 'db', address: '10.0.0.5' },
      { name: 'v6', address: 'fd00::5' },
      { name: 'host', address: 'host-gateway' },
    ],
  });
  expect(refusal(['--add-host', 'db'])).toContain('expected NAME:ADDRESS');
});

test.each<[string[], ContainerSettings['egress']]>([
  [['none'], 'none'],
  [['all'], 'all'],
  [['allow=example.com:443'], { allow: [{ host: 'example.com', port: 443 }] }],
  [
    ['allow=*.example.com:443/tcp,10.0.0.0/8,192.0.2.1:53/udp', 'allow=[2001:db8::/32]:443,[::1]'],
    {
      allow: [
        { host: '*.example.com', port: 443, protocol: 'tcp' },
        { host: '10.0.0.0/8' },
        { host: '192.0.2.1', port: 53, protocol: 'udp' },
        { host: '2001:db8::/32', port: 443 },
        { host: '::1' },
      ],
    },
  ],
])('--egress %j', (texts, egress) => {
  expect(settings(texts.flatMap((text) => ['--egress', text]))).toEqual({ egress });
});

test.each([
  '',
  'some',
  'allow=',
  'allow=a,',
  'allow=a:0',
  'allow=a:65536',
  'allow=2001:db8::1',
  'allow=*',
  'allow=a.*.b',
  'allow=10.0.0.0/33',
  'allow=a/icmp',
])('--egress %j is refused', (text) => {
  expect(refusal(['--egress', text])).toContain(`--egress ${JSON.stringify(text)}: expected all, none, or allow=`);
});
