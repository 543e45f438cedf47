import { type RuntimeFeatures, SlipwayError } from '@slipway/plugin-api';
import type { Host } from 'slipway';
import { expect, test } from 'vitest';
import { pluginChecks } from '../src/doctor/plugin-checks.js';

const features: RuntimeFeatures = {
  version: 'QEMU 7.2.22',
  isolation: 'vm',
  pause: true,
  exec: true,
  update: true,
  seccomp: true,
};

/** A host with a stack whose plugins are all active, and a runtime that says this. */
async function checks(found: () => Promise<RuntimeFeatures>) {
  const stack = { resolver: 'registry', snapshotter: ['kata'], runtime: 'kata' };
  const point = (name: string, id: string) => ({ point: name, id, state: 'active' });
  const host = {
    config: { stacks: { kata: stack }, settings: { stack: { metadata: 'lmdb', content: 'local' } } },
    kernel: {
      get: async () => ({ features: found }),
      status: () => [
        point('metadata.v1', 'lmdb'),
        point('content.v1', 'local'),
        point('resolver.v1', 'registry'),
        point('snapshotter.v1', 'kata'),
        point('runtime.v1', 'kata'),
      ],
    },
  };
  return await pluginChecks(host as unknown as Host, 'kata');
}

const named = async (name: string, found: () => Promise<RuntimeFeatures>) =>
  (await checks(found)).find((check) => check.name === name);

test('doctor says what machines run on, and warns with the reason where it is no hardware', async () => {
  const machine = { accel: 'tcg', hardware: false, reason: 'there is no /dev/kvm' } as const;
  expect(await named('machines', async () => ({ ...features, machine }))).toMatchObject({
    status: 'warn',
    found: 'tcg, no isolation by hardware: there is no /dev/kvm',
    advice: expect.stringContaining('require_hardware = true') as string,
  });
  expect(await named('machines', async () => ({ ...features, machine: { accel: 'kvm', hardware: true } }))).toMatchObject({
    status: 'ok',
    found: 'kvm, isolation by hardware',
  });
  expect(await named('machines', async () => ({ ...features, isolation: 'process' }))).toBeUndefined();
  expect(await named('runtime', async () => ({ ...features, machine }))).toMatchObject({
    status: 'ok',
    found: 'QEMU 7.2.22, isolation by vm, with seccomp',
  });
});

test('doctor passes on what a runtime says that lacks something, and what to do about it', async () => {
  const missing = new SlipwayError({
    kind: 'failed-precondition',
    code: 'VMM_MISSING',
    message: 'virtual machines: "qemu" was not found',
    hint: 'install QEMU',
  });
  expect(await named('runtime', () => Promise.reject(missing))).toEqual({
    name: 'runtime',
    status: 'fail',
    found: 'virtual machines: "qemu" was not found',
    advice: 'install QEMU',
  });
});
