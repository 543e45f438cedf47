import { type Digest, throwIfAborted, type VerifyOptions, type VerifyReport } from '@slipway/plugin-api';
import { allImages, findImage } from '../images/describe.js';
import { type ContentRow, contentTable } from '../metadata/content.js';
import { contentRefs } from '../metadata/labels.js';
import { dropLease } from '../metadata/leases.js';
import { rowName, rowPrefix } from '../metadata/rows.js';
import { Operation } from '../operations/operation.js';
import { isPresent } from '../pull/document.js';
import type { EngineParts } from '../settings.js';
import { VerifyThread } from '../verify-thread.js';
import { checkBlob } from './check-blob.js';
import { BlobFindings } from './findings.js';
import { repairBlob } from './repair-blob.js';
import type { Verification } from './verification.js';
import { verifySnapshots } from './verify-snapshots.js';
import { type Unpackable, walkImage } from './walk-image.js';

/**
 * Hashes every blob again, then compares every snapshot of an image with what its layer says. Blobs first: what a snapshot is compared
 * with must be right itself, and a damaged document is repaired before what it refers to is looked for.
 */
export async function verify(parts: EngineParts, options: VerifyOptions = {}): Promise<VerifyReport> {
  const chosen = options.images?.map((name) => findImage(parts, name).image) ?? allImages(parts);
  const rows = contentRows(parts);
  const users = usersOf(parts, rows);
  const imagesOf = (digest: Digest): readonly string[] => users.get(digest) ?? [];
  const wanted =
    options.images === undefined
      ? rows
      : reachable(
          rows,
          chosen.map(({ target }) => target.digest),
        );

  await using thread = new VerifyThread();
  await using operation = Operation.begin(parts, 'verify');
  const lease = operation.acquire({ kind: 'lease', id: operation.id });
  const findings = new BlobFindings();
  const verification: Verification = { parts, thread, operation, options, findings };
  try {
    const bytes = await checkBlobs(parts, thread, wanted, findings, options);
    const unpackables: Unpackable[] = [];
    for (const image of chosen) unpackables.push(...(await walkImage(verification, image)));
    if (options.repair === true) await repairUnnamed(verification, wanted, users);
    const { count, problems, unchecked } = await verifySnapshots(verification, unpackables);
    return {
      blobs: wanted.size,
      snapshots: count,
      bytes,
      problems: [...findings.problems(imagesOf), ...problems],
      unchecked,
    };
  } finally {
    await giveUpLease(verification, lease);
  }
}

/** What was brought in is named already, or of no use any more. Where that cannot be written, the operation lets the lease run out. */
async function giveUpLease({ parts, operation }: Verification, lease: { forget(): void }): Promise<void> {
  try {
    await parts.metadata.write((tx) => dropLease(tx, operation.id));
    lease.forget();
  } catch (error) {
    parts.log.debug(String(error));
  }
}

type Rows = ReadonlyMap<Digest, ContentRow>;

function contentRows({ metadata }: EngineParts): Rows {
  return metadata.read((tx) => {
    const entries = [...tx.entries(contentTable, { prefix: rowPrefix })];
    return new Map(entries.flatMap(([key, row]) => (row.deletedBy === undefined ? [[rowName(key), row] as const] : [])));
  });
}

/** Names of the images that need a blob. */
function usersOf(parts: EngineParts, rows: Rows): Map<Digest, string[]> {
  const users = new Map<Digest, string[]>();
  for (const { name, target } of allImages(parts)) {
    for (const digest of digestsFrom(rows, [target.digest])) users.set(digest, [...(users.get(digest) ?? []), name]);
  }
  return users;
}

function reachable(rows: Rows, roots: readonly Digest[]): Rows {
  const all = digestsFrom(rows, roots);
  return new Map([...rows].filter(([digest]) => all.has(digest)));
}

function digestsFrom(rows: Rows, roots: readonly Digest[]): Set<Digest> {
  const found = new Set<Digest>();
  const pending = [...roots];
  for (let digest = pending.pop(); digest !== undefined; digest = pending.pop()) {
    if (found.has(digest)) continue;
    found.add(digest);
    pending.push(...contentRefs(rows.get(digest)?.labels ?? {}));
  }
  return found;
}

/** @returns how many bytes were looked at */
async function checkBlobs(
  parts: EngineParts,
  thread: VerifyThread,
  rows: Rows,
  findings: BlobFindings,
  { signal, onProgress }: VerifyOptions,
): Promise<number> {
  const total = [...rows.values()].reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  for (const [digest, { size }] of rows) {
    throwIfAborted('verify', signal);
    const onBytes = (bytes: number): void => onProgress?.({ type: 'blob', digest, current: done + Math.min(bytes, size), total });
    const finding = await checkBlob(parts.store, thread, digest, size, { signal, onBytes });
    // Removed meanwhile by somebody: that is no damage.
    if (finding !== undefined && (await isPresent(parts.content, digest))) findings.add(digest, finding);
    done += size;
    onBytes(0);
  }
  return done;
}

/** What no name leads to has no document that says what it is, and is asked for as a blob of where it came from. */
async function repairUnnamed(verification: Verification, rows: Rows, users: ReadonlyMap<Digest, unknown>): Promise<void> {
  for (const [digest, { size }] of rows) {
    if (users.has(digest) || !verification.findings.isBad(digest)) continue;
    await repairBlob(verification, { mediaType: 'application/octet-stream', digest, size }, []);
  }
}
