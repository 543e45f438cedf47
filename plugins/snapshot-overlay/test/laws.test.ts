import { snapshotterLaws } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { openSubject } from './subject.ts';

snapshotterLaws({ describe, it }, openSubject, { module: new URL('./subject.ts', import.meta.url).href });
