import { type Container, type Engine, openEngine } from 'slipway';
import { idle } from './lives-request.ts';
import { measureSelf, type SoakPhase, type SoakRequest } from './soak-request.ts';

// One program that does for long what a server does: it runs many containers, leaves many to themselves, and says what it holds meanwhile.
const { options, image, runs, detached, atOnce } = JSON.parse(process.argv[2] ?? '') as SoakRequest;

/** Each number once, so many at a time. */
async function forEach(count: number, one: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

function expectEqual(what: string, found: unknown, expected: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(expected))
    throw new Error(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
}

async function tell(phase: SoakPhase, count: number): Promise<void> {
  process.stdout.write(`${JSON.stringify({ phase, count, ...(await measureSelf()) })}\n`);
}

async function run(engine: Engine, text: string): Promise<void> {
  const { exitCode, stdout } = await (await engine.run({ image, args: ['echo', text] })).output();
  expectEqual('run', [exitCode, stdout.toString()], [0, `${text}\n`]);
}

async function leave(engine: Engine, name: string): Promise<void> {
  const container = await engine.run({ image, name, args: [...idle], detach: true });
  for await (const { line } of container.logs({ follow: true })) if (line === 'up') return;
}

async function execute(container: Container): Promise<void> {
  await using exec = await container.exec({ args: ['cat'], stdin: 'pipe' });
  exec.stdin?.end(container.name);
  const { exitCode, stdout } = await exec.output();
  expectEqual('exec', [exitCode, stdout.toString()], [0, container.name]);
}

async function end(container: Container): Promise<void> {
  await container.stop();
  expectEqual('stop', (await container.wait()).exitCode, 7);
  await container.remove();
}

await using engine = await openEngine(options);
// What is loaded and opened once only.
await leave(engine, 'first');
await execute(await engine.containers.get('first'));
await end(await engine.containers.get('first'));

const parts = 10;
for (let part = 1; part <= parts; part++) {
  await forEach(runs / parts, (number) => run(engine, `${part} ${number}`));
  await tell('run', (part * runs) / parts);
}
await forEach(detached, (number) => leave(engine, `soak-${number}`));
expectEqual('running', (await engine.containers.list()).length, detached);
await tell('detached', detached);
await forEach(detached, async (number) => execute(await engine.containers.get(`soak-${number}`)));
await tell('exec', detached);
await forEach(detached, async (number) => end(await engine.containers.get(`soak-${number}`)));
expectEqual('left', await engine.containers.list({ all: true }), []);
await tell('stopped', detached);
