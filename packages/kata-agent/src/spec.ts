import { type RuntimeProcess, type RuntimeResources, type RuntimeSpec, SlipwayError } from '@slipway/plugin-api';
import { CreateContainerRequest } from './messages/agent.js';
import { Linux, LinuxResources, Process, Spec } from './messages/oci.js';
import { EncodeError, encodeMessage } from './wire/encode.js';
import type { Fields, Init } from './wire/fields.js';
import { replaceMessage } from './wire/replace.js';

/** Why a guest cannot do it, where there is more to say than that its agent has no field for it. */
const reasons: ReadonlyMap<string, string> = new Map([['hooks', 'hooks run on the host']]);

/**
 * config.json as `grpc.Spec`, encoded. Where the host has to decide (namespaces, sources of binds, where the root is, devices of the host), it has done so before.
 *
 * Errors: `unimplemented` with `GUEST_SPEC_UNSUPPORTED` for everything that the message cannot say (hooks, and what Slipway never writes): nothing is left
 * out in silence. `invalid-argument` with `GUEST_SPEC_INVALID`.
 */
export function specMessage(spec: RuntimeSpec): Uint8Array {
  const { hooks, linux, ...rest } = spec;
  const resources = linux.resources === undefined ? {} : { resources: withAnyDevice(linux.resources) };
  const asked = Object.values(hooks ?? {}).some((list) => list.length > 0) ? { hooks } : {};
  return encoded(Spec, { ...rest, ...asked, linux: { ...linux, ...resources } }, '');
}

/** The process of an exec as `grpc.Process`. Errors as those of {@link specMessage}. */
export function processMessage(process: RuntimeProcess): Uint8Array {
  return encoded(Process, process, 'process.');
}

/** New limits as `grpc.LinuxResources`. Errors as those of {@link specMessage}. */
export function resourcesMessage(resources: RuntimeResources): Uint8Array {
  return encoded(LinuxResources, withAnyDevice(resources), 'linux.resources.');
}

/** An encoded `CreateContainerRequest` whose container has other limits. Errors as those of {@link specMessage}. */
export function withResources(request: Uint8Array, resources: RuntimeResources): Uint8Array {
  const path = [CreateContainerRequest.OCI, Spec.linux, Linux.resources].map(({ number }) => number);
  return replaceMessage(request, path, resourcesMessage(resources));
}

/** A rule of devices without a number is for any, which the message says by -1: 0 is a number. */
function withAnyDevice(resources: RuntimeResources): RuntimeResources {
  if (resources.devices === undefined) return resources;
  return {
    ...resources,
    devices: resources.devices.map((rule) => ({ ...rule, major: rule.major ?? -1, minor: rule.minor ?? -1 })),
  };
}

/** The names are those of config.json: it is the message. What it has and the message has not is seen when it is written. */
function encoded<F extends Fields>(fields: F, json: object, prefix: string): Uint8Array {
  try {
    return encodeMessage(fields, json as Init<F>);
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error;
    const field = `${prefix}${error.path}`;
    throw error.unknown ? unsupported(field) : invalid(field, error.reason);
  }
}

function unsupported(field: string): SlipwayError {
  const why = reasons.get(field.replaceAll(/\[\d+\]/g, '[]')) ?? 'its agent has no way to say so';
  return new SlipwayError({
    kind: 'unimplemented',
    code: 'GUEST_SPEC_UNSUPPORTED',
    message: `config.json: "${field}" cannot be had in a virtual machine: ${why}`,
    hint: 'leave it out, or use a stack whose containers are processes of the host (--stack)',
    details: { field },
  });
}

function invalid(field: string, reason: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'GUEST_SPEC_INVALID',
    message: `config.json: "${field}" ${reason}`,
    details: { field },
  });
}
