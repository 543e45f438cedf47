import { type LawRunner, runtimeLaws } from '@slipway/plugin-testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { makeLawTemplate } from './law-template.ts';
import { openSubject } from './subject.ts';

/** Kept by packages/oci-runtime, whatever the tool is: laws of runc and crun have them, in milliseconds. All are run with SLIPWAY_ALL_LAWS=1. */
const leftOut = new Set([
  'an id is taken once, and the first container goes on',
  'a lock that is handed over is held until the container is deleted, and not seen in it',
  'a state costs no command',
  'when the program has ended nothing is left but its state, which any process can read',
  'what can be done with a running one alone is refused for one that has exited',
  'to wait can be given up, which changes nothing',
  'a container is started once',
  'deleting twice at once, from two sides, is no error',
  'descriptors are used as they are',
  'what has no terminal cannot be resized',
  'without a grace the end comes at once',
  'an endless grace can be given up, and the container runs',
  'what was only created is stopped as well',
  'what is no signal is refused',
  'only a running container executes',
  'a container is deleted with its executed processes',
  'who detaches from an executed process gets nothing more, and it goes on',
  'a terminal is attached to as one, and resized',
  'only what runs can be paused',
  'a paused container is deleted',
  'what does not run has no limits to change',
  'a container without its monitor is paused, executes, and gets signals',
  'a container that dies with its creator does',
]);
const isAll = process.env['SLIPWAY_ALL_LAWS'] === '1';
const unknown = new Set(leftOut);

const runner: LawRunner = {
  describe,
  it(name, body) {
    unknown.delete(name);
    if (isAll || !leftOut.has(name)) it(name, body);
  },
};

afterAll(await makeLawTemplate());
await runtimeLaws(runner, openSubject, {
  module: new URL('./subject.ts', import.meta.url).href,
  manifest: new URL('../package.json', import.meta.url),
  // By the laws of runc and crun.
  isMonitorTested: !isAll,
  steps: [
    'runtime.monitor.started',
    'runtime.create.mounted',
    'runtime.create.created',
    'runtime.start.started',
    'runtime.exec.begun',
    'runtime.exec.started',
    'runtime.delete.deleted',
  ],
});

it('what is left out are laws', () => {
  expect([...unknown]).toEqual([]);
});
