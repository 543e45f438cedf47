import assert from 'node:assert/strict';
import { type ErrorKind, isSlipwayError } from '@slipway/plugin-api';

/** Asserts that `work` rejects with an error of this kind whose message is of use. */
export async function expectKind(work: Promise<unknown>, kind: ErrorKind): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(isSlipwayError(error), `found ${String(error)}, expected a SlipwayError`);
    assert.equal(error.kind, kind, error.message);
    return true;
  });
}
