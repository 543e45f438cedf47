import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nobody, ShimBench, shown } from './shim-bench.ts';

let bench: ShimBench;
let disk: string;
beforeEach(() => {
  bench = new ShimBench();
  disk = path.join(bench.folder, 'disk');
  writeFileSync(disk, '', { mode: 0o600 });
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

type Steps = readonly (readonly (string | Buffer)[])[];

/** Both take the same disk, which has a lock. */
function either(tried: Steps, instead: Steps): Steps {
  const [first, second] = [tried, instead].map((steps) => [['file', '10', disk, 'rw'], ...steps]);
  return [
    ['either', String(first?.length), String(second?.length), 'note'],
    ...(first ?? []),
    ...(second ?? []),
    ...bench.steps({}).slice(-1),
  ];
}

const machine = () => bench.steps({}).slice(0, -1);
const note = () => readFileSync(path.join(bench.folder, 'note'), 'utf8');

async function isMade(steps: Steps): Promise<void> {
  bench.plan(steps);
  const monitor = await bench.monitor();
  await bench.create(monitor);
  await monitor.start();
}

const broken: readonly (readonly [string, () => Steps, RegExp])[] = [
  ['a file that is missing', () => [['file', '11', '/nowhere/file', 'ro'], ...machine()], /opening "\/nowhere\/file"/],
  [
    'a QEMU that ends',
    () => [['user', ...nobody], ...shown, ['qemu', '/bin/sh', '-c', 'sleep 0.2; exit 1', '@agent@'], ['hello']],
    /QEMU exited with status 1/,
  ],
  [
    'an agent that does not answer',
    () => [['user', ...nobody], ['boot-limit', '300'], ...shown, ['qemu', '/bin/sleep', '60', '@agent@'], ['hello']],
    /not there within 300 ms|QEMU exited/,
  ],
];
for (const [what, tried, reason] of broken)
  test(`what was tried is undone and noted, and the other machine is there: ${what}`, async () => {
    await isMade(either(tried(), machine()));
    expect(note()).toMatch(reason);
  });

test('what could be done instead is passed over', async () => {
  await isMade(
    either(machine(), [
      ['file', '11', '/nowhere/file', 'ro'],
      ['user', ...nobody],
      ['qemu', '/bin/false'],
    ]),
  );
  expect(note).toThrow('ENOENT');
});

test('when both fail, the second says why', async () => {
  const fails = (status: string): Steps => [
    ['user', ...nobody],
    ...shown,
    ['qemu', '/bin/sh', '-c', `sleep 0.2; exit ${status}`],
    ['hello'],
  ];
  bench.plan(either(fails('1'), fails('2')));
  const { code, stderr } = await bench.run('create', '--bundle', bench.folder, '--pid-file', `${disk}.pid`, 'box');
  expect([code, JSON.parse(stderr)]).toEqual([1, expect.objectContaining({ msg: expect.stringContaining('status 2') })]);
  expect(note()).toContain('status 1');
  await bench.gone();
});

test('a choice whose parts are not whole is no plan', async () => {
  const qemu = ['qemu', '/bin/false'];
  const wrong: readonly (readonly [Steps, string])[] = [
    [[['either', '1', '0', 'note'], qemu, qemu], 'step 1 of the plan has numbers of steps that are none'],
    [
      [['either', '1', '1', 'note'], ['boot-limit', '1'], qemu, ['hello']],
      'step 3 of the plan has no qemu among what is tried before it',
    ],
    [
      [['either', '1', '1', 'note'], qemu, ['boot-limit', '1'], ['hello']],
      'step 4 of the plan has no qemu among what is done instead before it',
    ],
    [[['either', '1', '2', 'note'], qemu, qemu], 'the plan ends before what is done instead'],
    [[['either', '1', '1', 'note'], qemu, qemu, qemu], 'step 4 of the plan has more of it after qemu'],
  ];
  for (const [steps, message] of wrong) {
    bench.plan(steps);
    const { stderr } = await bench.run('create', '--bundle', bench.folder, '--pid-file', `${disk}.pid`, 'box');
    expect(JSON.parse(stderr)).toMatchObject({ msg: message });
  }
});
