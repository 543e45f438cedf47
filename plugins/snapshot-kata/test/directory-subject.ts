import type { OpenSnapshotter } from '@slipway/plugin-testkit/subjects';
import { openKata } from './subject.ts';

export const openSubject: OpenSnapshotter = (root) => openKata(root, { upper: 'directory', upper_size: 10_240 });
