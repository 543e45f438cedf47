import { type RuntimeProcess, type RuntimeSpec, SlipwayError } from '@slipway/plugin-api';
import * as v from 'valibot';

const strings = v.array(v.string());

const processSchema = v.looseObject({
  user: v.looseObject({ uid: v.number(), gid: v.number(), additionalGids: v.optional(v.array(v.number())) }),
  args: strings,
  env: v.optional(strings, []),
  cwd: v.string(),
});

const specSchema = v.looseObject({
  ociVersion: v.string(),
  root: v.looseObject({ path: v.string(), readonly: v.optional(v.boolean()) }),
  process: processSchema,
  mounts: v.optional(
    v.array(
      v.looseObject({
        destination: v.string(),
        type: v.optional(v.string()),
        source: v.optional(v.string()),
        options: v.optional(strings),
      }),
    ),
    [],
  ),
  linux: v.looseObject({
    namespaces: v.optional(v.array(v.looseObject({ type: v.string(), path: v.optional(v.string()) })), []),
    devices: v.optional(v.array(v.looseObject({ path: v.string(), type: v.string() }))),
    resources: v.optional(v.looseObject({})),
  }),
});

/** What is read here of a config.json has its form; the rest is checked where it is turned into messages, and by the runtime in the guest. Errors: `invalid-argument`. */
export function checkSpec(id: string, spec: object): RuntimeSpec {
  return checked(id, specSchema, spec) as RuntimeSpec;
}

/** The same of settings of a process. */
export function checkProcess(id: string, process: object): RuntimeProcess {
  return checked(id, processSchema, process) as RuntimeProcess;
}

function checked(id: string, schema: v.GenericSchema, value: object): unknown {
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'BUNDLE_INVALID',
    message: `container "${id}": config.json: ${v.summarize(parsed.issues).replaceAll('\n', ' ')}`,
    details: { id },
  });
}
