import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type OpenEngineOptions, openEngine } from 'slipway';
import { removeHalfOfTheNames } from './fill.ts';
import { carryOut, type Measured, type OperationName } from './operation.ts';

const [name, options] = [process.argv[2] as OperationName, JSON.parse(process.argv[3] ?? '') as OpenEngineOptions];
if (name === 'prune of half') await removeHalfOfTheNames(options);
await using engine = await openEngine(options);
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const [begin, cpu] = [performance.now(), process.cpuUsage()];
await carryOut(engine, name);
const { user, system } = process.cpuUsage(cpu);
const measured: Measured = {
  name,
  wallMs: performance.now() - begin,
  cpuMs: (user + system) / 1000,
  peakBytes: process.resourceUsage().maxRSS * 1024,
  longestTurnMs: await longestTurn(),
};
process.stdout.write(`${JSON.stringify(measured)}\n`);

/** The monitor notes a delay when its timer has its turn. */
async function longestTurn(): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 10));
  return delay.max / 1e6;
}
