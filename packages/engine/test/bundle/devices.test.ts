import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { containerDevices } from '../../dist/bundle/devices/index.js';
import { errorOf } from './tree.js';

const folder = fs.mkdtempSync(join(os.tmpdir(), 'slipway-devices-'));
const at = (name: string) => join(folder, name);
beforeAll(() => {
  fs.mkdirSync(at('bus/deep'), { recursive: true });
  execFileSync('mknod', ['-m', '640', at('bus/one'), 'c', '511', '1048575']);
  execFileSync('mknod', [at('bus/deep/two'), 'b', '7', '9']);
  fs.writeFileSync(at('bus/file'), '');
  execFileSync('mkfifo', [at('bus/fifo')]);
  fs.symlinkSync('bus/one', at('link'));
  fs.symlinkSync('nowhere', at('dangling'));
  fs.symlinkSync('loop', at('loop'));
  fs.mkdirSync(at('empty'));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

const added = (settings: Parameters<typeof containerDevices>[0]) => {
  const usual = containerDevices({}).rules.length;
  const { devices, rules } = containerDevices(settings);
  return { devices, rules: rules.slice(usual) };
};

describe('containerDevices', () => {
  test('without any: the rules of every container, nothing but what the runtime makes itself', () => {
    expect(containerDevices({}).devices).toEqual([]);
    expect(containerDevices({}).rules[0]).toEqual({ allow: false, access: 'rwm' });
  });

  test('a device is as on the host, numbers of any size, at the place that is asked for', () => {
    expect(added({ devices: [{ source: at('bus/one'), target: '/dev/x', permissions: 'rw' }] })).toEqual({
      devices: [{ path: '/dev/x', type: 'c', major: 511, minor: 1_048_575, fileMode: 0o640, uid: 0, gid: 0 }],
      rules: [{ allow: true, type: 'c', major: 511, minor: 1_048_575, access: 'rw' }],
    });
  });

  test('a link is followed, and its own name stays', () => {
    const { devices, rules } = added({ devices: [{ source: at('link') }] });
    expect(devices).toMatchObject([{ path: at('link'), type: 'c', major: 511 }]);
    expect(rules).toMatchObject([{ access: 'rwm' }]);
  });

  test('a folder stands for the devices in it and below, not for files, FIFOs and links', () => {
    const { devices, rules } = added({ devices: [{ source: at('bus'), target: '/dev/bus', permissions: 'r' }] });
    expect(devices.map(({ path, type }) => `${type} ${path}`).sort()).toEqual(['b /dev/bus/deep/two', 'c /dev/bus/one']);
    expect(rules.map(({ access }) => access)).toEqual(['r', 'r']);
  });

  test('the last at a place wins', () => {
    const devices = [
      { source: at('bus/one'), target: '/dev/x' },
      { source: at('bus/deep/two'), target: '/dev/x' },
    ];
    expect(added({ devices }).devices).toMatchObject([{ path: '/dev/x', type: 'b' }]);
  });

  test.each([
    ['a file', { source: at('bus/file') }, 'DEVICE_INVALID'],
    ['a FIFO', { source: at('bus/fifo') }, 'DEVICE_INVALID'],
    ['an empty folder', { source: at('empty') }, 'DEVICE_INVALID'],
    ['nothing', { source: at('missing') }, 'DEVICE_NOT_FOUND'],
    ['a link to nowhere', { source: at('dangling') }, 'DEVICE_NOT_FOUND'],
    ['a loop', { source: at('loop') }, 'DEVICE_NOT_FOUND'],
    ['below a file', { source: at('bus/file/x') }, 'DEVICE_NOT_FOUND'],
    ['a relative path', { source: 'dev/null' }, 'DEVICE_INVALID'],
    ['dots', { source: '/dev/../dev/null' }, 'DEVICE_INVALID'],
    ['a relative target', { source: '/dev/null', target: 'x' }, 'DEVICE_INVALID'],
    ['a target with dots', { source: '/dev/null', target: '/dev/../../x' }, 'DEVICE_INVALID'],
    ['a NUL', { source: '/dev/nu\0ll' }, 'NUL_IN_TEXT'],
    ['permissions that are none', { source: '/dev/null', permissions: 'rx' }, 'DEVICE_RULE_INVALID'],
    ['no permissions', { source: '/dev/null', permissions: '' }, 'DEVICE_RULE_INVALID'],
    ['permissions twice', { source: '/dev/null', permissions: 'rr' }, 'DEVICE_RULE_INVALID'],
  ])('%s is refused', (_, device, code) => {
    expect(errorOf(() => containerDevices({ devices: [device] })).code).toBe(code);
  });

  test('rules', () => {
    expect(added({ deviceRules: ['c 1:3 rwm', 'b 8:* r', 'c *:* m', 'a *:* rw'] }).rules).toEqual([
      { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' },
      { allow: true, type: 'b', major: 8, access: 'r' },
      { allow: true, type: 'c', access: 'm' },
      { allow: true, type: 'a', access: 'rw' },
    ]);
  });

  test.each([
    '',
    'c 1:3',
    'c 1 rwm',
    'd 1:3 r',
    'c -1:3 r',
    'c 1:3 x',
    'c 1:3 rwm\n',
    'c 4294967296:1 r',
    'c  1:3 r',
    'a 1:3 rwm',
  ])('rule %j is refused', (rule) => {
    expect(errorOf(() => containerDevices({ deviceRules: [rule] }))).toMatchObject({
      kind: 'invalid-argument',
      code: 'DEVICE_RULE_INVALID',
    });
  });

  test('a privileged container has all devices of the host, and may use any', () => {
    const { devices, rules } = containerDevices({ privileged: true });
    expect(rules).toEqual([{ allow: true, access: 'rwm' }]);
    const paths = devices.map(({ path }) => path);
    expect(paths).toContain('/dev/null');
    for (const path of ['/dev/ptmx', '/dev/console', '/dev/pts/0', '/dev/fd']) expect(paths).not.toContain(path);
    expect(new Set(paths).size).toBe(paths.length);
  });
});
