import { type LawRunner, runtimeLaws } from '@slipway/plugin-testkit';
import { describe, expect, it } from 'vitest';
import { openSubject } from './subject.ts';

/**
 * Every container of a law is a machine that boots, for seconds where it is emulated: of each kind of law those are run that go through most of it. All of them with SLIPWAY_ALL_LAWS=1, which takes
 * some minutes, and has to be done whenever something changes here, in the shim or in the agent.
 */
const chosen = new Set([
  'every method of the contract is there',
  'package.json says of the plugin what its code says',
  'the manifest declares the isolation of containers that write to their disks themselves, and of no others',
  'its configuration refuses keys that it does not know',
  'create runs nothing of the user, and mounts nothing that the caller sees',
  'an id that is no name is refused before anything is made',
  'what the program is, and that it cannot be executed, is told at the creation',
  'what the request says must be possible and fit config.json',
  'a creation that is given up is canceled and leaves nothing',
  'a mount tree that is handed over is seen where config.json binds it, and nowhere else',
  'a signal that ends the program is 128 + n',
  'states are the same to everybody, from created to nothing',
  'what can be done with a running one alone is refused for one that has exited',
  'stdin, stdout and stderr are separate and byte-exact',
  'a terminal has the wanted size, follows a resize, and is one stream',
  'stop waits for the grace and not longer: SIGKILL comes after it',
  'a signal goes to the first process, or to all',
  'the exit code of an executed process is exact',
  'user, environment, folder and terminal of an executed process are as asked for',
  'what cannot be executed is told, and leaves nothing',
  'executed processes end with the container, and are among its processes before',
  'stdin is for whoever attaches, and its end ends that of the program',
  'a paused container stands still until it is resumed',
  'what it has used grows, and is told to any process',
  'limits change while it runs; what is not named stays',
  'a program that fails is run again, as often as the policy says',
  'a probe says whether it is healthy',
  'a process that the kernel kills for lack of memory is noted',
  'where nobody is there, what cleans up after the end runs once, with nothing of the container',
  'a container goes on without its monitor, which is told, and can be stopped',
  'a container outlives its creator, and its exit is known',
  'after runtime.create.created in a process that is killed then, everything can be deleted',
]);

const found = new Set<string>();
const isAll = process.env['SLIPWAY_ALL_LAWS'] === '1';

const runner: LawRunner = {
  describe,
  it(name, body) {
    found.add(name);
    if (isAll || chosen.has(name)) it(name, body);
  },
};

await runtimeLaws(runner, openSubject, {
  module: new URL('./subject.ts', import.meta.url).href,
  manifest: new URL('../package.json', import.meta.url),
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

it('those that are chosen are laws', () => {
  expect([...chosen].filter((name) => !found.has(name))).toEqual([]);
});
