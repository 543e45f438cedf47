import { type Policy, type PolicyRequest, type Resolver, SlipwayError } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';
import { checkPolicies, policySource } from '../../dist/policy/check.js';

const target = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: `sha256:${'a'.repeat(64)}`, size: 7 };
const noSource = policySource('example.com/app:1', () => Promise.reject(new Error('the source was asked')));
const request: PolicyRequest = { operation: 'pull', name: 'example.com/app:1', target, source: noSource };

function partsOf(policies: Readonly<Record<string, Policy | Error>>): Parameters<typeof checkPolicies>[0] {
  return {
    policies: {
      ids: Object.keys(policies),
      declares: () => ({}),
      async get(id) {
        const policy = policies[id];
        if (policy === undefined || policy instanceof Error) throw policy;
        return policy;
      },
    },
  };
}

const saying = (error?: unknown): Policy => ({
  check: async () => {
    if (error !== undefined) throw error;
  },
});
const denied = new SlipwayError({
  kind: 'permission-denied',
  code: 'NOT_HERE',
  message: 'not on Sundays',
  hint: 'wait',
  details: { day: 7 },
});

describe('the check of policies', () => {
  it('allows what all allow, and asks each with the whole request', async () => {
    const asked: PolicyRequest[] = [];
    const noting: Policy = { check: async (given) => void asked.push(given) };
    await checkPolicies(partsOf({ one: noting, two: noting }), { ...request, operation: 'run' });
    expect(asked).toHaveLength(2);
    for (const { signal, ...rest } of asked) {
      expect(signal).toBeInstanceOf(AbortSignal);
      expect(rest).toEqual({ ...request, operation: 'run' });
    }
  });

  it('asks nobody when there is nobody', async () => {
    await checkPolicies(partsOf({}), request);
  });

  it('says which policy refused which image, and why', async () => {
    await expect(checkPolicies(partsOf({ open: saying(), sundays: saying(denied) }), request)).rejects.toMatchObject({
      kind: 'permission-denied',
      code: 'POLICY_DENIED',
      message: 'pull of "example.com/app:1" is refused by policy "sundays": not on Sundays',
      hint: 'wait',
      cause: denied,
      details: { day: 7, policy: 'sundays', name: 'example.com/app:1', digest: target.digest, reason: 'NOT_HERE' },
    });
  });

  it('refuses when a policy fails, keeps the kind and says whose failure it is', async () => {
    const offline = new SlipwayError({ kind: 'unavailable', code: 'OFFLINE', message: 'no network' });
    await expect(checkPolicies(partsOf({ remote: saying(offline) }), request)).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'POLICY_FAILED',
      message: 'pull of "example.com/app:1" cannot be decided by policy "remote": no network',
    });
    await expect(checkPolicies(partsOf({ broken: saying(new TypeError('x is undefined')) }), request)).rejects.toMatchObject({
      kind: 'internal',
      code: 'POLICY_FAILED',
    });
    await expect(checkPolicies(partsOf({ thrower: { check: () => raise('at once') } }), request)).rejects.toMatchObject({
      code: 'POLICY_FAILED',
    });
  });

  it('refuses when a policy cannot be activated', async () => {
    const skipped = new SlipwayError({ kind: 'failed-precondition', code: 'PLUGIN_SKIPPED', message: 'not on this host' });
    await expect(checkPolicies(partsOf({ absent: skipped }), request)).rejects.toMatchObject({
      kind: 'failed-precondition',
      code: 'POLICY_FAILED',
      details: { policy: 'absent', reason: 'PLUGIN_SKIPPED' },
    });
  });

  it('gives up a policy that never answers, names it, and tells it to stop', async () => {
    let told: AbortSignal | undefined;
    const silent: Policy = {
      check: ({ signal }) => {
        told = signal;
        return new Promise(() => {});
      },
    };
    await expect(checkPolicies(partsOf({ silent }), request, 50)).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'POLICY_FAILED',
      message: expect.stringContaining('policy "silent": it gave no answer within 0.05 seconds'),
      details: { reason: 'POLICY_TIMEOUT' },
    });
    expect(told?.aborted).toBe(true);
  });

  it('ends with the signal, whatever the policy does', async () => {
    const asked = Promise.withResolvers<void>();
    const silent: Policy = {
      check: () => {
        asked.resolve();
        return new Promise(() => {});
      },
    };
    const abort = new AbortController();
    const checked = checkPolicies(partsOf({ silent }), { ...request, signal: abort.signal });
    const outcome = expect(checked).rejects.toMatchObject({ kind: 'canceled' });
    await asked.promise;
    abort.abort();
    await outcome;
    const before = checkPolicies(partsOf({ open: saying() }), { ...request, signal: AbortSignal.abort() });
    await expect(before).rejects.toMatchObject({ kind: 'canceled' });
  });
});

describe('the source of a policy', () => {
  it('is the resolver of the name, asked for when the policy asks', async () => {
    const calls: unknown[] = [];
    const resolver: Resolver = {
      resolve: async (name) => ({ name, descriptor: target }),
      fetcher: (name) => ({
        fetch: async (descriptor) => {
          calls.push([name, descriptor.digest]);
          return { offset: 0, body: (async function* () {})(), [Symbol.asyncDispose]: async () => {} };
        },
      }),
    };
    const plain = policySource('example.com/app:1', async () => resolver);
    expect(await plain.resolve('example.com/app:2')).toEqual({ name: 'example.com/app:2', descriptor: target });
    await plain.fetcher.fetch(target);
    expect(calls).toEqual([['example.com/app:1', target.digest]]);
    expect(await plain.referrers(target.digest)).toEqual([]);
    const knowing = policySource('example.com/app:1', async () => ({
      ...resolver,
      referrers: async (name, subject) => [{ ...target, annotations: { name, subject } }],
    }));
    expect(await knowing.referrers(target.digest)).toEqual([
      { ...target, annotations: { name: 'example.com/app:1', subject: target.digest } },
    ]);
  });
});

function raise(message: string): never {
  throw new Error(message);
}
