import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';

/** Waits until something is true; fails with `otherwise` when it has not become so after a time that only a defect needs. */
export async function becomes(isTrue: () => boolean, otherwise: string): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    if (isTrue()) return;
    await setTimeout(10);
  }
  assert.fail(otherwise);
}
