import { inspect } from 'node:util';
import { openEngine } from 'slipway';
import { machineChecks, type Outcome } from './machine-checks.ts';

/** The program of the virtual machine: carries out every check and prints a line of JSON for each. */
const image = 'limits:latest';
const limitMs = 300_000;
await using engine = await openEngine();
await engine.images.load('/machine/image', { name: image });
for (const { name, run } of machineChecks) {
  const begin = Date.now();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not done after ${limitMs} ms`)), limitMs);
  let error: string | undefined;
  try {
    await Promise.race([run(engine, image), late]);
  } catch (thrown) {
    error = inspect(thrown, { breakLength: 200 });
  } finally {
    clearTimeout(timer);
  }
  const outcome: Outcome = { check: name, ms: Date.now() - begin, ...(error === undefined ? {} : { error }) };
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}
