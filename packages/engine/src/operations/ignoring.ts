import { type ErrorKind, isKind } from '@slipway/plugin-api';

/** Waits for work whose failure of one of these kinds means that there is nothing left to do. */
export async function ignoring(work: Promise<void>, ...kinds: readonly ErrorKind[]): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isKind(error, ...kinds)) throw error;
  }
}
