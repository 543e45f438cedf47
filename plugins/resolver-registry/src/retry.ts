import { setTimeout as sleep } from 'node:timers/promises';
import { canceled, isSlipwayError } from '@slipway/plugin-api';
import { discard } from './bounded-body.js';
import type { HttpResponse } from './transport.js';

export const maxAttempts = 5;
const firstDelay = 250;
/** Milliseconds; also the longest Retry-After that is obeyed. */
const maxDelay = 10_000;

export const passingStatuses: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);
const passingFaults: ReadonlySet<string> = new Set([
  'REGISTRY_CONNECTION_RESET',
  'REGISTRY_TIMEOUT',
  'REGISTRY_NAME_RESOLUTION',
  // Of the token server: the registry's own come as answers.
  'REGISTRY_SERVER_ERROR',
  'REGISTRY_TOO_MANY_REQUESTS',
]);

/**
 * Tries again what may pass: resets, timeouts, 429 and 5xx, `attempts` times in all, waiting longer each time. The
 * last answer or error is the caller's. The delays are jittered, or clients that were refused together would come back together.
 */
export async function withRetries(
  signal: AbortSignal | undefined,
  attempt: () => Promise<HttpResponse>,
  attempts = maxAttempts,
): Promise<HttpResponse> {
  for (let tried = 1; ; tried += 1) {
    let askedToWait: string | undefined;
    try {
      const response = await attempt();
      if (tried >= attempts || !passingStatuses.has(response.status)) return response;
      askedToWait = response.headers['retry-after'];
      await discard(response);
    } catch (error) {
      if (tried >= attempts || !isSlipwayError(error) || !passingFaults.has(error.code)) throw error;
    }
    await pauseBeforeRetry(tried, askedToWait, signal);
  }
}

/** Waits after the `tried`th attempt, longer each time, and as long as a Retry-After says. Errors: `canceled`. */
export async function pauseBeforeRetry(
  tried: number,
  askedToWait: string | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const backOff = Math.min(maxDelay, firstDelay * 2 ** (tried - 1)) * (0.5 + Math.random() / 2);
  const delay = Math.max(backOff, retryAfter(askedToWait));
  await sleep(delay, undefined, signal === undefined ? {} : { signal }).catch(() => {
    throw canceled('waiting for the registry', signal);
  });
}

/** Milliseconds from now, bounded (RFC 9110, section 10.2.3: seconds or a date). */
function retryAfter(header: string | undefined): number {
  if (header === undefined) return 0;
  const wait = /^[0-9]+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(wait) ? 0 : Math.min(Math.max(wait, 0), maxDelay);
}
