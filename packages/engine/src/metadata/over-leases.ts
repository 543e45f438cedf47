import { recordNames } from '../operations/records.js';
import { hasExpired, type LeaseRow } from './leases.js';

/**
 * Which leases keep nothing any more: those that have run out; with `partial` also what a cut-off operation left for its
 * retry; and one that nobody ended for a week and whose operation has no record here, as when the state folder was removed
 * without a restart of the machine. It might have one in another state folder, but no pull takes a week.
 */
export function overLeases(state: string, options: { readonly partial: boolean }): (id: string, lease: LeaseRow) => boolean {
  const records = new Set(recordNames(state));
  const now = new Date();
  const weekAgo = new Date(now.getTime() - 7 * 24 * 3_600_000);
  return (id, lease) => {
    if (lease.expiresAt === undefined) return new Date(lease.createdAt) < weekAgo && !records.has(id);
    return options.partial || hasExpired(lease, now);
  };
}
