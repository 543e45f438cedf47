import type { RuntimeSeccomp, RuntimeSyscallRule } from '@slipway/plugin-api';
import * as v from 'valibot';
import { invalid } from '../invalid.js';
import { architectures } from './conditional-syscalls.js';
import type { SeccompFacts } from './profile.js';

const actions = ['KILL', 'KILL_PROCESS', 'KILL_THREAD', 'TRAP', 'ERRNO', 'TRACE', 'ALLOW', 'LOG'].map(
  (name) => `SCMP_ACT_${name}`,
);
const operators = ['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'].map((name) => `SCMP_CMP_${name}`);
const flags = ['TSYNC', 'LOG', 'SPEC_ALLOW', 'WAIT_KILLABLE_RECV'].map((name) => `SECCOMP_FILTER_FLAG_${name}`);

const whole = v.pipe(v.number(), v.safeInteger('Expected a whole number up to 2^53'), v.minValue(0));
const errno = v.pipe(whole, v.maxValue(4095));
const architecture = v.pipe(v.string(), v.regex(/^SCMP_ARCH_[A-Z0-9_]{1,32}$/));
const syscall = v.pipe(v.string(), v.regex(/^[a-z0-9_]{1,64}$/));
const absent = <T extends v.GenericSchema>(schema: T) => v.optional(v.nullable(schema));
const list = <T extends v.GenericSchema>(schema: T, length: number) => absent(v.pipe(v.array(schema), v.maxLength(length)));

const condition = absent(
  v.strictObject({
    caps: list(v.string(), 64),
    arches: list(v.string(), 64),
    minKernel: absent(v.pipe(v.string(), v.regex(/^(\d{1,3}\.\d{1,3})?$/))),
  }),
);
const rule = v.strictObject({
  name: absent(v.union([v.literal(''), syscall])),
  names: list(syscall, 2048),
  action: v.picklist(actions),
  errnoRet: absent(errno),
  args: list(
    v.strictObject({
      index: v.pipe(whole, v.maxValue(5)),
      value: whole,
      valueTwo: absent(whole),
      op: v.picklist(operators),
    }),
    64,
  ),
  comment: absent(v.string()),
  includes: condition,
  excludes: condition,
});
/** Every field has a meaning here: one that is misspelt would leave a filter weaker than it reads. */
const schema = v.strictObject({
  defaultAction: v.picklist(actions),
  defaultErrnoRet: absent(errno),
  architectures: list(architecture, 64),
  archMap: list(v.strictObject({ architecture, subArchitectures: list(architecture, 16) }), 64),
  flags: list(v.picklist(flags), 8),
  syscalls: list(rule, 4096),
});
type Rule = v.InferOutput<typeof rule>;

/**
 * A profile of the user's, as in config.json or in Docker's form, whose rules may depend on capabilities, architecture and kernel: for one
 * container on one host. What needs an agent that listens is refused. Errors: `SECCOMP_INVALID`, with the path of what is wrong.
 */
export function ownProfile(given: unknown, facts: SeccompFacts): RuntimeSeccomp {
  const parsed = v.safeParse(schema, given);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw wrong(`${v.getDotPath(issue) ?? 'the whole'}: ${issue.message.slice(0, 300)}`);
  }
  const { defaultAction, defaultErrnoRet, syscalls, ...profile } = parsed.output;
  if ((profile.architectures?.length ?? 0) > 0 && (profile.archMap?.length ?? 0) > 0)
    throw wrong('architectures and archMap are both there, expected one of them');
  const native = architectures[facts.architecture]?.names[0];
  const mapped = (profile.archMap ?? [])
    .filter(({ architecture }) => architecture === native)
    .flatMap(({ architecture, subArchitectures }) => [architecture, ...(subArchitectures ?? [])]);
  const names = profile.architectures?.length ? profile.architectures : mapped;
  return {
    defaultAction,
    ...(defaultErrnoRet == null ? {} : { defaultErrnoRet }),
    ...(names.length === 0 ? {} : { architectures: names }),
    ...(profile.flags?.length ? { flags: profile.flags } : {}),
    syscalls: (syscalls ?? []).flatMap((one, index) => (applies(one, facts) ? [runtimeRule(one, index)] : [])),
  };
}

function applies({ includes, excludes }: Rule, facts: SeccompFacts): boolean {
  const has = (name: string) => facts.capabilities.includes(name);
  const newEnough = (version: string) => {
    const [major = 0, minor = 0] = version.split('.').map(Number);
    return facts.kernel.major > major || (facts.kernel.major === major && facts.kernel.minor >= minor);
  };
  if (excludes?.arches?.includes(facts.architecture) || excludes?.caps?.some(has)) return false;
  if (excludes?.minKernel && newEnough(excludes.minKernel)) return false;
  if (includes?.arches?.length && !includes.arches.includes(facts.architecture)) return false;
  if (includes?.minKernel && !newEnough(includes.minKernel)) return false;
  return includes?.caps?.every(has) ?? true;
}

function runtimeRule({ name, names, action, errnoRet, args }: Rule, index: number): RuntimeSyscallRule {
  if (name && names?.length) throw wrong(`syscalls.${index}: name and names are both there, expected one of them`);
  const all = name ? [name] : (names ?? []);
  if (all.length === 0) throw wrong(`syscalls.${index}: names no system call`);
  return {
    names: all,
    action,
    ...(errnoRet == null ? {} : { errnoRet }),
    ...(args?.length
      ? { args: args.map(({ valueTwo, ...argument }) => ({ ...argument, ...(valueTwo == null ? {} : { valueTwo }) })) }
      : {}),
  };
}

function wrong(why: string) {
  return invalid('SECCOMP_INVALID', `Seccomp profile: ${why}`, {
    hint: 'expected {"defaultAction", "architectures" or "archMap", "syscalls"}, as in config.json or of Docker',
  });
}
