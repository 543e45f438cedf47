import { type RuntimeSeccomp, type RuntimeSyscallRule, SlipwayError } from '@slipway/plugin-api';
import { quote } from '../invalid.js';
import { allowedSyscalls } from './allowed-syscalls.js';
import { cloneRules, personalityRules, socketRules } from './argument-rules.js';
import { architectures, syscallsByCapability, tracing } from './conditional-syscalls.js';

export interface SeccompFacts {
  readonly architecture: string;
  readonly kernel: { readonly major: number; readonly minor: number };
  /** Of the bounding set. */
  readonly capabilities: readonly string[];
}

const allow = (names: readonly string[]): RuntimeSyscallRule => ({ names, action: 'SCMP_ACT_ALLOW' });

/** The default profile, for one set of capabilities on one host: what is not allowed answers EPERM. Errors: `unimplemented` for an architecture it does not know. */
export function seccompProfile({ architecture, kernel, capabilities }: SeccompFacts): RuntimeSeccomp {
  const known = architectures[architecture];
  if (known === undefined) {
    throw new SlipwayError({
      kind: 'unimplemented',
      code: 'SECCOMP_ARCHITECTURE_UNKNOWN',
      message: `There is no seccomp profile for architecture ${quote(architecture)}, only for ${Object.keys(architectures).join(', ')}`,
    });
  }
  const { major, minor } = tracing.sinceKernel;
  const mayTrace = kernel.major > major || (kernel.major === major && kernel.minor >= minor);
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 1,
    architectures: known.names,
    syscalls: [
      allow([...allowedSyscalls, ...known.syscalls]),
      ...(mayTrace ? [allow(tracing.syscalls)] : []),
      ...socketRules,
      ...personalityRules,
      ...(capabilities.includes('CAP_SYS_ADMIN') ? [] : cloneRules),
      ...capabilities.flatMap((capability) => {
        const names = syscallsByCapability[capability];
        return names === undefined ? [] : [allow(names)];
      }),
    ],
  };
}
