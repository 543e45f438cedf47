import { runtimeLaws } from '@slipway/plugin-testkit';
import { describe, expect, it } from 'vitest';
import { CollectingRunner } from './collecting-runner.ts';
import { openSubject } from './vm-runtime.ts';

await runtimeLaws({ describe, it }, openSubject, { module: new URL('./vm-runtime.ts', import.meta.url).href });

it('where the monitor is tested elsewhere, laws of what it does alone are left out, and no others', async () => {
  const [all, some] = [new CollectingRunner(), new CollectingRunner()];
  await runtimeLaws(all, openSubject);
  await runtimeLaws(some, openSubject, { isMonitorTested: true });
  const left = [...all.laws.keys()].filter((name) => !some.laws.has(name));
  expect(left).toContain('what happens is written to the journal');
  expect(left).toHaveLength(16);
});
