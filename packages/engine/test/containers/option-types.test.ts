import { describe, expect, it } from 'vitest';
import { parseContainerId } from '../../dist/bundle/index.js';
import { checkTypes } from '../../dist/containers/option-types.js';

const image = 'x';

/** As a program without types has them: options, the one that is wrong, and what it is against what it must be. */
const wrong: readonly (readonly [options: object, option: string, found: string])[] = [
  [{}, 'image', 'is of the type undefined, expected image'],
  [{ args: 'ls -l' }, 'args', 'is of the type string, expected Array'],
  [{ args: ['echo', 1] }, 'args.1', 'is of the type number, expected string'],
  [{ entrypoint: 'sh' }, 'entrypoint', 'is of the type string, expected Array'],
  [{ env: { SECRET: 'hidden' } }, 'env', 'is of the type object, expected Array'],
  [{ user: 1000 }, 'user', 'is of the type number, expected string'],
  [{ name: 5 }, 'name', 'is of the type number, expected string'],
  [{ removeAtExit: 'yes' }, 'removeAtExit', 'is of the type string, expected boolean'],
  [{ labels: ['a=b'] }, 'labels', 'is an array, expected names with texts'],
  [{ labels: null }, 'labels', 'is null, expected names with texts'],
  [{ sysctls: { 'net.ipv4.ip_forward': 1 } }, 'sysctls', 'is of the type object, expected names with texts'],
  [{ limits: { mem: 1 } }, 'limits.mem', 'there is no such option'],
  [{ memory: 1 }, 'memory', 'there is no such option'],
  [{ limits: { memory: '64m' } }, 'limits.memory', 'is of the type string, expected number'],
  [{ mounts: { type: 'bind' } }, 'mounts', 'is of the type object, expected Array'],
  [{ restart: 'always' }, 'restart', 'is of the type string, expected Object'],
  [{ health: { command: 'true' } }, 'health.command', 'is of the type string, expected Array'],
  [{ health: true }, 'health', 'is of the type boolean, expected Object'],
  [{ network: [{ network: 'a', alias: ['b'] }] }, 'network.0.alias', 'there is no such option'],
  [{ ports: [8080] }, 'ports.0', 'is of the type number, expected Object'],
  [{ egress: { allow: ['example.com'] } }, 'egress.allow.0', 'is of the type string, expected Object'],
  [{ devices: ['/dev/fuse'] }, 'devices.0', 'is of the type string, expected Object'],
  [{ stdin: process.stdin }, 'stdin', 'is of the type object, expected (pipe | inherit | ignore)'],
];

it.each(wrong)('%j is refused before anything is made', (options, option, found) => {
  const given = Object.keys(options).length === 0 ? {} : { image, ...options };
  expect(() => checkTypes('run', given)).toThrow(
    expect.objectContaining({ kind: 'invalid-argument', code: 'CONTAINER_OPTION_INVALID', details: { option } }),
  );
  expect(() => checkTypes('run', given)).toThrow(found);
  expect(() => checkTypes('run', given)).not.toThrow('hidden');
});

it('every option may be undefined, and what has two forms has both', () => {
  const both = [
    { name: undefined, args: undefined, limits: { memory: undefined }, health: undefined },
    { health: false, maskedPaths: false, stopSignal: 15, seccomp: 'unconfined' },
    { health: { command: ['true'] }, maskedPaths: ['/x'], stopSignal: 'TERM', seccomp: { defaultAction: 'SCMP_ACT_ALLOW' } },
    { labels: {}, terminal: { columns: 80, rows: 24 }, signal: new AbortController().signal, onProgress: () => undefined },
  ];
  for (const options of both) expect(() => checkTypes('run', { image, ...options })).not.toThrow();
});

it('exec and update are checked too', () => {
  expect(() => checkTypes('exec', { args: 'ls' })).toThrow('args is of the type string, expected Array');
  expect(() => checkTypes('exec', {})).toThrow('args is of the type undefined');
  expect(() => checkTypes('update', { limits: { mem: 1 } })).toThrow('limits.mem: there is no such option');
  expect(() => checkTypes('update', { restart: { name: 'no' } })).not.toThrow();
});

it('a name that is a number, which would make the row of the container unreadable, is refused', () => {
  expect(() => parseContainerId(5 as never)).toThrow('Container name "5" is not 1 to 64 of');
});

it('bug: an option with a mistyped name was passed over', () => {
  const hintOf = (what: 'run' | 'exec', options: object): string | undefined => {
    try {
      checkTypes(what, options);
      return undefined;
    } catch (error) {
      return (error as { readonly hint?: string }).hint;
    }
  };
  expect(hintOf('run', { image, readonly: true })).toBe('did you mean readOnly?');
  expect(hintOf('run', { image, workDir: '/' })).toBe('did you mean workdir?');
  expect(hintOf('exec', { args: ['true'], enviroment: [] })).toBeUndefined();
  expect(hintOf('exec', { args: ['true'], priviledged: true })).toBe('did you mean privileged?');
  expect(() => checkTypes('list', { filters: { name: 'web' } })).toThrow('filters.name is of the type string, expected Array');
});

describe('options of networks', () => {
  it.each([
    ['createNetwork', { internl: true }, 'internl: there is no such option'],
    ['createNetwork', { subnets: '10.0.0.0/24' }, 'subnets is of the type string, expected Array'],
    ['createNetwork', { subnets: [null] }, 'subnets.0 is null, expected Object'],
    ['createNetwork', null, 'options is null, expected Object'],
    ['pruneNetworks', { label: ['a'] }, 'label: there is no such option'],
    ['listNetworks', { filters: { names: ['a'] } }, 'filters.names: there is no such option'],
  ] as const)('%s refuses %j: a mistyped one would open a network, or remove all', (what, options, message) => {
    expect(() => checkTypes(what, options)).toThrow(message);
  });
});
