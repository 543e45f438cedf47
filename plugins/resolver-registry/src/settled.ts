import { canceled } from '@slipway/plugin-api';

/** Waits for work of someone else, whatever comes of it. Errors: `canceled`. */
export async function settled(what: string, work: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(canceled(what, signal));
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted === true) abort();
  try {
    await Promise.race([work.catch(() => undefined), aborted.promise]);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
