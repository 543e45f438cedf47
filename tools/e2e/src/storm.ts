import { type Engine, isSlipwayError, openEngine } from 'slipway';
import type { StormDeed, StormEvent, StormRequest } from './storm-request.ts';

// Works on a place without an end, one random thing after another, until it is killed, and tells of each.
const { options, images, id, stacks } = JSON.parse(process.argv[2] ?? '') as StormRequest;

const oneOf = <T>(choices: readonly T[]): T => choices[Math.floor(Math.random() * choices.length)] as T;

/** Somebody else was quicker, or has what is to go. */
const expected: ReadonlySet<string> = new Set(['IMAGE_NOT_FOUND', 'IMAGE_IN_USE']);

const work: Readonly<Record<StormDeed, (engine: Engine) => Promise<unknown>>> = {
  pull: (engine) => engine.pull(oneOf(images), { stack: oneOf(stacks) }),
  run: async (engine) => {
    const container = await engine.run({ image: oneOf(images), name: id, stack: oneOf(stacks), args: ['/bin/echo', 'hello'] });
    const { exitCode, stdout } = await container.output();
    if (exitCode !== 0 || stdout.toString() !== 'hello\n') throw new Error(`exit code ${exitCode}, ${stdout.toString()}`);
  },
  remove: (engine) => engine.images.remove(oneOf(images)),
  prune: async (engine) => {
    const { failures } = await engine.system.prune({ all: Math.random() < 0.3, partial: Math.random() < 0.3 });
    if (failures.length > 0) throw new Error(JSON.stringify(failures));
  },
};

function tell(event: StormEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

for (;;) {
  // A new one now and then: its first work is to clean up after the killed.
  await using engine = await openEngine(options);
  for (let left = 4; left > 0; left--) {
    const deed = oneOf<StormDeed>(['pull', 'pull', 'pull', 'run', 'remove', 'remove', 'prune']);
    tell({ deed, type: 'begun' });
    try {
      await work[deed](engine);
      tell({ deed, type: 'done' });
    } catch (error) {
      if (isSlipwayError(error) && expected.has(error.code)) tell({ deed, type: 'refused' });
      else tell({ deed, type: 'failed', message: String(error) });
    }
  }
}
