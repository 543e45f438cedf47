import { type Descriptor, type Digest, isKind, step, throwIfAborted } from '@slipway/plugin-api';
import { placeOf, resolverFor } from '../images/image-names.js';
import { contentTable } from '../metadata/content.js';
import { finishLeftDeletion } from '../metadata/deletion.js';
import { sourceRepositories } from '../metadata/labels.js';
import { addToLease } from '../metadata/leases.js';
import { rowKey } from '../metadata/rows.js';
import { fetchContent } from '../pull/fetch.js';
import type { EngineParts } from '../settings.js';
import { activeStack } from '../stack.js';
import type { Verification } from './verification.js';

/**
 * Brings a blob in again, from one after the other of the places it is known to come from. The bad file stays until the good one is verified.
 *
 * @returns whether it is whole now; why not is noted
 */
export async function repairBlob(verification: Verification, descriptor: Descriptor, names: readonly string[]): Promise<boolean> {
  const { parts, operation, options, findings } = verification;
  const { digest } = descriptor;
  options.onProgress?.({ type: 'repair', what: 'blob', name: digest });
  const failures: string[] = [];
  for (const name of new Set([...names.map((name) => placeOf(parts, name)), ...sourcesOf(parts, digest)])) {
    try {
      const resolver = await resolverFor(parts, activeStack(parts), name);
      await parts.metadata.write((tx) => addToLease(tx, operation.id, { content: [digest] }));
      const context = {
        content: parts.content,
        fetcher: resolver.fetcher(name),
        operation,
        finishDeletion: (one: Digest) => finishLeftDeletion(parts, one),
        signal: options.signal,
        replace: true,
      };
      await fetchContent(context, descriptor, () => {});
      findings.repaired(digest);
      step('verify.blob.repaired', { digest });
      return true;
    } catch (error) {
      throwIfAborted('verify', options.signal);
      if (isKind(error, 'resource-exhausted')) throw error;
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  findings.notRepaired(digest, failures.length === 0 ? 'nothing says where it came from' : failures.join('; '));
  return false;
}

function sourcesOf({ metadata }: EngineParts, digest: string): string[] {
  const row = metadata.read((tx) => tx.get(contentTable, rowKey(digest)));
  return sourceRepositories(row?.labels ?? {});
}
