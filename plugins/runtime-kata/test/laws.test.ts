import { runtimeLaws } from '@slipway/plugin-testkit';
import { afterAll, describe, it } from 'vitest';
import { makeLawTemplate } from './law-template.ts';
import { openSubject } from './subject.ts';

afterAll(await makeLawTemplate());
await runtimeLaws({ describe, it }, openSubject, {
  module: new URL('./subject.ts', import.meta.url).href,
  manifest: new URL('../package.json', import.meta.url),
  // By the laws of runc and crun.
  isMonitorTested: process.env['SLIPWAY_ALL_LAWS'] !== '1',
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
