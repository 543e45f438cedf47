/**
 * The same from inside one Node process: prints how long each exec, detached start and stop took, and how long a crowd of containers took, in milliseconds.
 * Arguments: root, state, image, times, size of the crowd, how many of it at once.
 */
import { openEngine } from 'slipway';
import { patientCommand } from '../contender.ts';
import { crowd } from './crowd.ts';

const [root, state, image = '', times = '', size = '', atOnce = ''] = process.argv.slice(2);
await using engine = await openEngine({ root, state });
const walls: Record<string, number[]> = { exec: [], start: [], stop: [] };
for (let i = 0; i < Number(times); i += 1) {
  const container = await timed('start', () => engine.run({ image, args: patientCommand, detach: true }));
  await timed('exec', async () => {
    const { exitCode } = await (await container.exec({ args: ['true'] })).output();
    if (exitCode !== 0) throw new Error(`"true" ended with ${exitCode}`);
  });
  await timed('stop', () => container.stop());
  await container.remove();
}
const crowdMs = await crowd(Number(size), Number(atOnce), async () => {
  const { exitCode } = await (await engine.run({ image, args: ['true'] })).output();
  if (exitCode !== 0) throw new Error(`"true" ended with ${exitCode}`);
});
process.stdout.write(JSON.stringify({ ...walls, crowd: [crowdMs] }));

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  walls[what]?.push(performance.now() - start);
  return result;
}
