import { recordNames } from '../operations/records.js';
import { graceHours, hasExpired, type LeaseRow } from './leases.js';

/**
 * Which leases keep nothing any more: those that have run out; with `partial` also what a cut-off operation left for its
 * retry; and one that nobody ended in all its time of grace though its operation's record is gone, as when the state folder
 * was removed without a restart of the machine.
 */
export function overLeases(state: string, options: { readonly partial: boolean }): (id: string, lease: LeaseRow) => boolean {
  const records = new Set(recordNames(state));
  const now = new Date();
  const graceBegan = new Date(now.getTime() - graceHours * 3_600_000);
  return (id, lease) => {
    if (lease.expiresAt === undefined) return new Date(lease.createdAt) < graceBegan && !records.has(id);
    return options.partial || hasExpired(lease, now);
  };
}
