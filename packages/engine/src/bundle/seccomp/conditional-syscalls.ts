/** System calls that come with a capability. A container without it would get EPERM from the kernel for most of them anyway. */
export const syscallsByCapability: Readonly<Record<string, readonly string[]>> = {
  CAP_BPF: ['bpf'],
  CAP_DAC_READ_SEARCH: ['open_by_handle_at'],
  CAP_PERFMON: ['perf_event_open'],
  CAP_SYS_ADMIN: [
    ...['bpf', 'clone', 'clone3', 'fanotify_init', 'fsconfig', 'fsmount', 'fsopen', 'fspick', 'lookup_dcookie'],
    ...['lsm_get_self_attr', 'lsm_list_modules', 'lsm_set_self_attr', 'mount', 'mount_setattr', 'move_mount', 'open_tree'],
    ...[
      'perf_event_open',
      'quotactl',
      'quotactl_fd',
      'setdomainname',
      'sethostname',
      'setns',
      'syslog',
      'umount',
      'umount2',
      'unshare',
    ],
  ],
  CAP_SYS_BOOT: ['reboot'],
  CAP_SYS_CHROOT: ['chroot'],
  CAP_SYS_MODULE: ['delete_module', 'finit_module', 'init_module'],
  CAP_SYS_NICE: ['get_mempolicy', 'mbind', 'set_mempolicy', 'set_mempolicy_home_node'],
  CAP_SYS_PACCT: ['acct'],
  CAP_SYS_PTRACE: ['kcmp', 'pidfd_getfd', 'process_madvise', 'process_vm_readv', 'process_vm_writev', 'ptrace'],
  CAP_SYS_RAWIO: ['ioperm', 'iopl'],
  CAP_SYS_TIME: ['clock_settime', 'clock_settime64', 'settimeofday', 'stime'],
  CAP_SYS_TTY_CONFIG: ['vhangup'],
  CAP_SYSLOG: ['syslog'],
};

/** Before 4.8 ptrace(2) could change a system call after the filter had seen it (CVE-2019-2054). */
export const tracing = { syscalls: ['process_vm_readv', 'process_vm_writev', 'ptrace'], sinceKernel: { major: 4, minor: 8 } };

export interface SeccompArchitecture {
  /** Of the kernel first, then those whose programs it runs as well. */
  readonly names: readonly string[];
  /** System calls that exist for this architecture alone. */
  readonly syscalls: readonly string[];
}

/** By Go's name of the host's architecture. */
export const architectures: Readonly<Record<string, SeccompArchitecture>> = {
  // Not x32: most kernels are built without it, and runc compiles the filter at each create and exec, 4 to 6 ms longer with it.
  amd64: { names: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'], syscalls: ['arch_prctl', 'modify_ldt'] },
  arm64: {
    names: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
    syscalls: ['arm_fadvise64_64', 'arm_sync_file_range', 'breakpoint', 'cacheflush', 'set_tls', 'sync_file_range2'],
  },
};
