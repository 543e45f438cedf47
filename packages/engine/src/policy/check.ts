import { setTimeout as sleep } from 'node:timers/promises';
import {
  canceled,
  isKind,
  type Policy,
  type PolicyRequest,
  type PolicySource,
  type Resolver,
  SlipwayError,
  throwIfAborted,
  wrapError,
} from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

/** Where an image comes from, for {@link PolicyRequest}. The resolver is activated only when a policy asks. */
export function policySource(name: string, resolver: () => Promise<Resolver>): PolicySource {
  return {
    resolve: async (other, options) => (await resolver()).resolve(other, options),
    referrers: async (subject, options) => (await (await resolver()).referrers?.(name, subject, options)) ?? [],
    fetcher: { fetch: async (descriptor, options) => (await resolver()).fetcher(name).fetch(descriptor, options) },
  };
}

/** One that asks a registry has its own, shorter waits; this one is for those that never answer. */
const longestAnswerMs = 60_000;

/**
 * Asks every enabled policy, one after the other; none enabled, nothing is loaded. Whatever one rejects with refuses: the kind stays, the
 * code is `POLICY_DENIED` (it said no) or `POLICY_FAILED` (it could not say), and the message names the policy and the image.
 */
export async function checkPolicies(
  { policies }: Pick<EngineParts, 'policies'>,
  request: PolicyRequest,
  timeoutMs = longestAnswerMs,
): Promise<void> {
  const what = `${request.operation} of ${JSON.stringify(request.name)}`;
  for (const id of policies.ids) {
    throwIfAborted(what, request.signal);
    try {
      await ask(id, () => policies.get(id), request, timeoutMs);
    } catch (error) {
      // Whatever the policy made of it: it was told to stop.
      throwIfAborted(what, request.signal);
      throw refusal(what, id, request, error);
    }
  }
}

/** A policy that does not heed its signal is left alone with it. */
async function ask(id: string, policy: () => Promise<Policy>, request: PolicyRequest, timeoutMs: number): Promise<void> {
  const ended = new AbortController();
  const signal = request.signal === undefined ? ended.signal : AbortSignal.any([request.signal, ended.signal]);
  const answer = (async () => (await policy()).check({ ...request, signal }))();
  try {
    await Promise.race([answer, givenUp(signal), tooLong(id, timeoutMs, signal)]);
  } finally {
    ended.abort(canceled(`the check of policy "${id}"`));
    answer.catch(() => undefined);
  }
}

function givenUp(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(canceled('the check of a policy', signal)), { once: true });
  });
}

async function tooLong(id: string, timeoutMs: number, signal: AbortSignal): Promise<never> {
  await sleep(timeoutMs, undefined, { signal });
  throw new SlipwayError({
    kind: 'unavailable',
    code: 'POLICY_TIMEOUT',
    message: `it gave no answer within ${timeoutMs / 1000} seconds`,
    hint: `find out what it waits for, or disable it: plugins.disabled in the config, policy "${id}"`,
  });
}

function refusal(what: string, policy: string, { name, target }: PolicyRequest, error: unknown): SlipwayError {
  const { kind, code, message, hint, details } = wrapError('check', error);
  const isDenied = isKind(error, 'permission-denied');
  return new SlipwayError({
    kind,
    code: isDenied ? 'POLICY_DENIED' : 'POLICY_FAILED',
    message: `${what} ${isDenied ? 'is refused by' : 'cannot be decided by'} policy "${policy}": ${message}`,
    hint,
    cause: error,
    details: { ...details, policy, name, digest: target.digest, reason: code },
  });
}
