import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { generateContainerId, parseContainerId, parseSignal } from '../../dist/bundle/index.js';
import { errorOf } from './tree.js';

test.each(['a', '0', 'web-1_x.y', 'A'.repeat(64)])('container id %j', (id) => {
  expect(parseContainerId(id)).toBe(id);
});

test.each(['', '.', '..', '../x', 'a/b', '-a', '--flag', '_a', 'a\n', 'a\0', 'a b', 'é', 'a:b', 'A'.repeat(65), 'x'.repeat(300)])(
  'container id %j is refused',
  (id) => {
    expect(errorOf(() => parseContainerId(id))).toMatchObject({
      kind: 'invalid-argument',
      code: 'CONTAINER_ID_INVALID',
      message: expect.stringMatching(/^Container name "/),
      hint: 'choose another name',
    });
  },
);

test('generated ids are valid, differ, and never begin as a number', () => {
  const ids = Array.from({ length: 2000 }, generateContainerId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) {
    expect(parseContainerId(id)).toMatch(/^[0-9a-f]{64}$/);
    expect(id.slice(0, 12)).toMatch(/[a-f]/);
  }
});

test.each<[string | number, number]>([
  [15, 15],
  ['15', 15],
  ['SIGTERM', 15],
  ['TERM', 15],
  ['term', 15],
  ['sigKill', 9],
  ['SIGCHLD', 17],
  ['WINCH', 28],
  ['RTMIN', 34],
  ['RTMIN+3', 37],
  ['SIGRTMIN+30', 64],
  ['rtmax', 64],
  ['RTMAX-1', 63],
  ['SIGRTMAX-30', 34],
  [64, 64],
])('signal %j is %d', (signal, number) => {
  expect(parseSignal(signal)).toBe(number);
});

test('every signal that Node names is known', () => {
  for (const [name, number] of Object.entries(constants.signals)) expect(parseSignal(name)).toBe(number);
});

test.each<string | number>([
  0,
  65,
  -1,
  1.5,
  Number.NaN,
  '',
  '0',
  '65',
  '1e1',
  ' 15',
  'FOO',
  'SIG',
  'SIG15',
  'SIGSIGTERM',
  'RTMIN-1',
  'RTMIN+31',
  'RTMAX+1',
  'RTMAX-31',
  'RTMIN+',
  '__PROTO__',
])('signal %j is refused', (signal) => {
  expect(errorOf(() => parseSignal(signal))).toMatchObject({ kind: 'invalid-argument', code: 'SIGNAL_INVALID' });
});
