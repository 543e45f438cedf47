import { type Container, type Engine, isSlipwayError, openEngine } from 'slipway';
import {
  expectedCodes,
  idle,
  type LifeDeed,
  type LifeEvent,
  type LivesRequest,
  lifeDeeds,
  oneOf,
  shortly,
} from './lives-request.ts';

// Makes, starts, uses, ends and removes containers without an end, one random thing after another, until it is killed, and tells of each.
const { options, image, names } = JSON.parse(process.argv[2] ?? '') as LivesRequest;

const any = (engine: Engine): Promise<Container> => engine.containers.get(oneOf(names));

const work: Readonly<Record<LifeDeed, (engine: Engine) => Promise<unknown>>> = {
  create: (engine) => engine.containers.create({ image, name: oneOf(names), args: [...idle] }),
  run: (engine) => engine.run({ image, name: oneOf(names), args: [...idle], detach: true, removeAtExit: Math.random() < 0.3 }),
  start: async (engine) => (await any(engine)).start(),
  exec: async (engine) => {
    const container = await any(engine);
    const { exitCode, stdout } = await (await container.exec({ args: [...shortly] })).output();
    // 137: the container was ended meanwhile.
    if (exitCode !== 137 && (exitCode !== 0 || stdout.toString() !== 'hello\n'))
      throw new Error(`exec: exit code ${exitCode}, ${stdout.toString()}`);
  },
  stop: async (engine) => (await any(engine)).stop(),
  kill: async (engine) => (await any(engine)).kill(),
  restart: async (engine) => (await any(engine)).restart(),
  rename: async (engine) => (await any(engine)).rename(oneOf(names)),
  rm: async (engine) => (await any(engine)).remove({ force: Math.random() < 0.5 }),
};

function tell(event: LifeEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

for (;;) {
  // A new one now and then: its first work is to clean up after the killed.
  await using engine = await openEngine(options);
  for (let left = 6; left > 0; left--) {
    const deed = oneOf<LifeDeed>([...lifeDeeds, 'run', 'run', 'exec', 'exec']);
    tell({ deed, type: 'begun' });
    try {
      await work[deed](engine);
      tell({ deed, type: 'done' });
    } catch (error) {
      if (isSlipwayError(error) && expectedCodes.has(error.code)) tell({ deed, type: 'refused' });
      else tell({ deed, type: 'failed', message: isSlipwayError(error) ? `${error.code} ${error.message}` : String(error) });
    }
  }
}
