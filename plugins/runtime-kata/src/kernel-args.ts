import type { Accel } from './machine-settings.js';

/** On every guest: its console, no waiting for hardware that is not there, and an end instead of a stand-still when the kernel panics. */
const always = [
  'console=ttyS0',
  'quiet',
  'panic=-1',
  'cryptomgr.notests',
  'no_timer_check',
  'audit=0',
  'lsm=',
  '8250.nr_uarts=1',
];

/**
 * Under emulation what protects a processor from itself protects nothing, and every write to the kernel's own tables is slow. That a processor stood still for seconds says only that the host is busy.
 */
const emulated = ['mitigations=off', 'rodata=off', 'nowatchdog', 'rcupdate.rcu_cpu_stall_suppress=1'];

export function kernelArgs(accel: Accel, more: readonly string[]): readonly string[] {
  return [...always, ...(accel === 'tcg' ? emulated : []), ...more];
}
