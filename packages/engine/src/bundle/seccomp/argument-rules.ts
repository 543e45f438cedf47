import type { RuntimeSyscallRule } from '@slipway/plugin-api';

type Argument = NonNullable<RuntimeSyscallRule['args']>[number];

const allow = (name: string, argument: Argument): RuntimeSyscallRule => ({
  names: [name],
  action: 'SCMP_ACT_ALLOW',
  args: [argument],
});
/** The spec has the mask in `value` and what must remain in `valueTwo`. */
const masked = (index: number, mask: number, remains: number): Argument => ({
  index,
  value: mask,
  valueTwo: remains,
  op: 'SCMP_CMP_MASKED_EQ',
});

/**
 * Address families up to 63 but AF_ALG (38: the kernel's ciphers, a wide surface) and AF_VSOCK (40: not namespaced, it reaches the
 * host of a virtual machine). Compared in the low 32 bits, which is all that the kernel reads: "less than 38 or greater than
 * 40" over the whole register lets 2^32 + 38 pass. Programs of 32 bits that use socketcall(2) are not seen by any such rule.
 */
export const socketRules: readonly RuntimeSyscallRule[] = [
  [0xffff_ffe0, 0], // 0 to 31
  [0xffff_fffc, 32], // 32 to 35
  [0xffff_fffe, 36], // 36, 37
  [0xffff_ffff, 39],
  [0xffff_ffff, 41],
  [0xffff_fffe, 42], // 42, 43
  [0xffff_fffc, 44], // 44 to 47
  [0xffff_fff0, 48], // 48 to 63
].map(([mask = 0, family = 0]) => allow('socket', masked(0, mask, family)));

/** PER_LINUX, PER_LINUX32, each also with UNAME26, and the question. Others switch off address randomisation or mapping checks. */
export const personalityRules: readonly RuntimeSyscallRule[] = [0, 0x0008, 0x2_0000, 0x2_0008, 0xffff_ffff].map((value) =>
  allow('personality', { index: 0, value, op: 'SCMP_CMP_EQ' }),
);

/** NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
const namespaceFlags = 0x7e02_0000;

/**
 * Threads and processes, no namespaces. The flags of clone3 are in memory, where a filter does not see them: ENOSYS makes C
 * libraries fall back to clone.
 */
export const cloneRules: readonly RuntimeSyscallRule[] = [
  allow('clone', masked(0, namespaceFlags, 0)),
  { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
];
