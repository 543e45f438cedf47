import { openEngine } from 'slipway';

const [root, state, image = '', times] = process.argv.slice(2);
await using engine = await openEngine({ root, state });
const walls: number[] = [];
for (let i = 0; i < Number(times); i += 1) {
  const start = performance.now();
  const container = await engine.run({ image, args: ['true'], stdout: 'ignore', stderr: 'ignore' });
  const { exitCode } = await container.wait();
  if (exitCode !== 0) throw new Error(`"true" ended with ${exitCode}`);
  walls.push(performance.now() - start);
}
process.stdout.write(JSON.stringify(walls));
