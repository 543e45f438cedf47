import {
  AgentService,
  CreateContainerRequest,
  decodeMessage,
  encodeRequest,
  type Linux,
  type LinuxBlockIO,
  type LinuxCPU,
  type LinuxDevice,
  type LinuxMemory,
  LinuxResources,
  type LinuxSeccomp,
  type LinuxSeccompArg,
  type LinuxSyscall,
  Process,
  processMessage,
  resourcesMessage,
  Spec,
  specMessage,
  withResources,
} from '@slipway/kata-agent';
import type {
  RuntimeDevice,
  RuntimeLinux,
  RuntimeProcess,
  RuntimeResources,
  RuntimeSeccomp,
  RuntimeSpec,
  RuntimeSyscallRule,
} from '@slipway/plugin-api';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { fullProcess, fullResources, fullSpec } from './full-spec.js';

/** Maps as objects, numbers as numbers, and only what is there: as it stood in config.json. */
function asJson(value: unknown): unknown {
  if (typeof value === 'bigint') return value === 2n ** 64n - 1n ? 2 ** 64 : Number(value);
  if (value instanceof Map) return asJson(Object.fromEntries(value));
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, asJson(one)]));
}

describe('specMessage', () => {
  it('says everything that Slipway can write', () => {
    const read = asJson(decodeMessage(Spec, specMessage(fullSpec))) as RuntimeSpec;
    const [any, ...rules] = fullResources.devices;
    expect(read).toMatchObject({
      ...fullSpec,
      linux: { ...fullSpec.linux, resources: { ...fullResources, devices: [{ ...any, major: -1, minor: -1 }, ...rules] } },
    });
  });

  it('has a field for each name that a config.json of ours may have: what is added there must be added here', () => {
    type Named<T> = Exclude<keyof T, number | symbol>;
    type Has<F, T> = Exclude<Named<T>, keyof F>;
    expectTypeOf<Has<typeof Spec, RuntimeSpec>>().toEqualTypeOf<'hooks'>();
    expectTypeOf<Has<typeof Process, RuntimeProcess>>().toEqualTypeOf<never>();
    expectTypeOf<Has<typeof Linux, RuntimeLinux>>().toEqualTypeOf<never>();
    expectTypeOf<Has<typeof LinuxResources, RuntimeResources>>().toEqualTypeOf<never>();
    expectTypeOf<Has<typeof LinuxMemory, NonNullable<RuntimeResources['memory']>>>().toEqualTypeOf<never>();
    expectTypeOf<Has<typeof LinuxCPU, NonNullable<RuntimeResources['cpu']>>>().toEqualTypeOf<never>();
    expectTypeOf<Has<typeof LinuxBlockIO, NonNullable<RuntimeResources['blockIO']>>>().toEqualTypeOf<never>();
    expectTypeOf<Has<typeof LinuxDevice, RuntimeDevice>>().toEqualTypeOf<never>();
    expectTypeOf<Has<typeof LinuxSeccomp, RuntimeSeccomp>>().toEqualTypeOf<never>();
    expectTypeOf<Has<typeof LinuxSyscall, RuntimeSyscallRule>>().toEqualTypeOf<never>();
    expectTypeOf<Has<typeof LinuxSeccompArg, NonNullable<RuntimeSyscallRule['args']>[number]>>().toEqualTypeOf<never>();
  });

  it.each<[string, object, string]>([
    [
      'hooks',
      { hooks: { poststop: [{ path: '/bin/true' }] } },
      '"hooks" cannot be had in a virtual machine: hooks run on the host',
    ],
    ['what Slipway never writes', { linux: { namespaces: [], intelRdt: { closID: 'x' } } }, '"linux.intelRdt"'],
    ['a profile of AppArmor', { process: { ...fullProcess, apparmorProfile: 'x' } }, '"process.apparmorProfile"'],
    [
      'a mapping of a mount',
      { mounts: [{ destination: '/a', type: 'bind', source: '/b', uidMappings: [] }] },
      '"mounts[0].uidMappings"',
    ],
    ['another system', { windows: {} }, '"windows"'],
    [
      'a device that nobody may open',
      { linux: { namespaces: [], devices: [{ type: 'c', path: '/dev/x', fileMode: 0 }] } },
      '"linux.devices[0].fileMode"',
    ],
  ])('refuses %s by name', (_, more, message) => {
    expect(() => specMessage({ ...fullSpec, ...more } as RuntimeSpec)).toThrow(
      expect.objectContaining({
        kind: 'unimplemented',
        code: 'GUEST_SPEC_UNSUPPORTED',
        message: expect.stringContaining(message),
        hint: expect.stringContaining('--stack'),
      }),
    );
  });

  it('takes hooks of which there are none', () => {
    expect(specMessage({ ...fullSpec, hooks: { poststop: [] } })).toEqual(specMessage(fullSpec));
  });

  it('refuses what has another type', () => {
    const spec = { ...fullSpec, process: { ...fullProcess, user: { uid: -1, gid: 0 } } };
    expect(() => specMessage(spec)).toThrow(
      expect.objectContaining({
        kind: 'invalid-argument',
        code: 'GUEST_SPEC_INVALID',
        message: 'config.json: "process.user.uid" is -1, expected a whole number from 0 to 4294967295',
      }),
    );
  });
});

it('says a process and limits by themselves', () => {
  expect(asJson(decodeMessage(Process, processMessage(fullProcess)))).toMatchObject(fullProcess);
  expect(asJson(decodeMessage(LinuxResources, resourcesMessage({ memory: { limit: 5 } })))).toMatchObject({
    memory: { limit: 5 },
  });
  expect(() => resourcesMessage({ memory: { kernel: 5 } } as RuntimeResources)).toThrow('"linux.resources.memory.kernel"');
  expect(() => processMessage({ ...fullProcess, selinuxLabel: 'x' } as RuntimeProcess)).toThrow('"process.selinuxLabel"');
});

describe('withResources', () => {
  const encoded = (spec: RuntimeSpec) =>
    encodeRequest(AgentService.method.createContainer, { containerId: 'c', execId: 'c', OCI: specMessage(spec) }).payload;
  const decoded = (bytes: Uint8Array) => decodeMessage(CreateContainerRequest, bytes);
  const limits: RuntimeResources = { memory: { limit: 5 }, pids: { limit: 6 } };

  it('gives a request that is written already other limits, and leaves all else', () => {
    const { resources: _, ...linux } = fullSpec.linux;
    for (const before of [fullSpec, { ...fullSpec, linux }]) {
      const wanted = { ...fullSpec, linux: { ...linux, resources: limits } };
      expect(decoded(withResources(encoded(before), limits))).toEqual(decoded(encoded(wanted)));
    }
  });

  it('makes what a request lacks on the way', () => {
    expect(decoded(withResources(new Uint8Array(), limits)).OCI?.linux?.resources?.pids?.limit).toBe(6n);
  });
});
