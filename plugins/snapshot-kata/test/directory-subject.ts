import type { OpenSnapshotter } from '@slipway/plugin-testkit/subjects';
import { openMade } from './subject.ts';

export const openSubject: OpenSnapshotter = (root) => openMade(root, { upper: 'directory', upper_size: 10_240 });
