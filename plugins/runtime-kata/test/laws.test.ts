import { runtimeLaws } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { openSubject } from './subject.ts';

await runtimeLaws({ describe, it }, openSubject, {
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
