import { runtimeLaws } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { openSubject } from './vm-runtime.ts';

await runtimeLaws({ describe, it }, openSubject, { module: new URL('./vm-runtime.ts', import.meta.url).href });
