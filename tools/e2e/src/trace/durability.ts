import { type Call, descriptorPath, quotedArgs, succeeded } from './strace.ts';

const writes = new Set(['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'copy_file_range', 'ftruncate', 'sendfile']);
const syncs = new Set(['fsync', 'fdatasync']);
const renames = new Set(['rename', 'renameat', 'renameat2']);
const blobPath = /\/blobs\/(sha256|sha512)\/([0-9a-f]+)$/;

export interface TracedPull {
  readonly blobs: number;
  readonly snapshots: number;
  readonly names: number;
  /** What came in the wrong order or not at all; empty when everything is on disk before what speaks of it. */
  readonly problems: readonly string[];
}

/**
 * Checks the calls of a pull: a blob's data, its sync, its name, the sync of its folder, and only then its row; a snapshot's files, the sync of their
 * file system, and only then the row of its chain ID; the image's name after all of them, and lmdb's own sync before anything after it.
 */
export function checkPull(calls: readonly Call[]): TracedPull {
  const done = calls.filter(succeeded);
  const problems: string[] = [];
  const blobs = done.flatMap((call) => (renames.has(call.name) ? [blobOf(call)] : [])).filter((blob) => blob !== undefined);
  const rows: Call[] = [];
  for (const { call, data, digest } of blobs) {
    const row = firstRow(done, `content\\0default/${digest}`);
    if (row !== undefined) rows.push(row);
    problems.push(...checkBlob(done, call, data, digest, row));
  }
  const snapshots = committedSnapshots(done);
  for (const { chainId, folder, row } of snapshots) {
    rows.push(row);
    problems.push(...checkSnapshot(done, chainId, folder, row));
  }
  const names = done.filter((call) => isRowWrite(call) && call.args.includes('images\\0default/')).slice(0, 1);
  for (const name of names) {
    const lastRow = Math.max(-1, ...rows.map(({ end }) => end));
    if (lastRow > name.end) problems.push('the name was recorded before all that it stands for');
    problems.push(...checkCommit(done, name));
  }
  return { blobs: blobs.length, snapshots: snapshots.length, names: names.length, problems };
}

/** Checks the calls of a removal: a blob's row says that it goes, on disk, before its file does. */
export function checkRemoval(calls: readonly Call[]): { readonly blobs: number; readonly problems: readonly string[] } {
  const done = calls.filter(succeeded);
  const removals = done.flatMap((call) => {
    const from = call.name.startsWith('unlink') || renames.has(call.name) ? quotedArgs(call)[0] : undefined;
    const [, algorithm, hex] = blobPath.exec(from ?? '') ?? [];
    return hex === undefined ? [] : [{ call, digest: `${algorithm}:${hex}` }];
  });
  const problems = removals.flatMap(({ call, digest }) => {
    const marked = done.find(
      (one) => isRowWrite(one) && new RegExp(`content\\\\0default/${digest}\\{[^}]*\\}[^}]*deletedBy`).test(one.args),
    );
    if (marked === undefined || marked.end > call.begin) return [`${digest}: the file went before its row said so`];
    const isSynced = done.some((one) => isDatabaseSync(one) && one.begin > marked.end && one.end < call.begin);
    return isSynced ? [] : [`${digest}: the row was not on disk when the file went`];
  });
  return { blobs: removals.length, problems };
}

function blobOf(call: Call): { readonly call: Call; readonly data: string; readonly digest: string } | undefined {
  const [data = '', to = ''] = quotedArgs(call);
  const [, algorithm, hex] = blobPath.exec(to) ?? [];
  return hex === undefined ? undefined : { call, data, digest: `${algorithm}:${hex}` };
}

function checkBlob(done: readonly Call[], rename: Call, data: string, digest: string, row: Call | undefined): string[] {
  const problems: string[] = [];
  const written = done.filter((call) => writes.has(call.name) && descriptorPath(call) === data && call.begin < rename.begin);
  const lastWrite = Math.max(-1, ...written.map(({ end }) => end));
  const isSynced = done.some(
    (call) => syncs.has(call.name) && descriptorPath(call) === data && call.begin > lastWrite && call.end < rename.begin,
  );
  if (written.length === 0) problems.push(`${digest}: nothing was written`);
  if (!isSynced) problems.push(`${digest}: the data was not synced between its last write and its name`);
  const folder = (quotedArgs(rename)[1] ?? '').replace(/\/[^/]*$/, '');
  const named = done.find((call) => syncs.has(call.name) && descriptorPath(call) === folder && call.begin > rename.end);
  if (row === undefined) return [...problems, `${digest}: no row was written`];
  if (named === undefined || named.end > row.begin)
    problems.push(`${digest}: its folder was not synced between its name and its row`);
  return [...problems, ...checkCommit(done, row)];
}

/** Rows of committed snapshots tell the number of the folder. */
function committedSnapshots(done: readonly Call[]): { readonly chainId: string; readonly folder: string; readonly row: Call }[] {
  const row = /snapshotter\.v1\/([^/\\]+)\/snapshots\\0(sha256:[0-9a-f]{64})\{\\"id\\":(\d+),\\"kind\\":\\"committed\\"/g;
  const found = new Map<string, { readonly chainId: string; readonly folder: string; readonly row: Call }>();
  for (const call of done.filter(isRowWrite)) {
    for (const [, snapshotter, chainId = '', id] of call.args.matchAll(row)) {
      if (!found.has(chainId))
        found.set(chainId, { chainId, folder: `/snapshotter.v1/${snapshotter}/snapshots/${id}/`, row: call });
    }
  }
  return [...found.values()];
}

function checkSnapshot(done: readonly Call[], chainId: string, folder: string, row: Call): string[] {
  const written = done.filter((call) => writes.has(call.name) && descriptorPath(call)?.includes(`${folder}fs/`) === true);
  const lastWrite = Math.max(-1, ...written.filter(({ begin }) => begin < row.begin).map(({ end }) => end));
  const problems: string[] = [];
  if (written.some(({ begin }) => begin > row.begin)) problems.push(`${chainId}: a file was written after its row`);
  const isSynced = done.some((call) => call.name === 'syncfs' && call.begin > lastWrite && call.end < row.begin);
  if (!isSynced) problems.push(`${chainId}: the file system was not synced between the last write and the row`);
  return [...problems, ...checkCommit(done, row)];
}

/** lmdb syncs the pages, then writes the meta page through a descriptor that waits for the disk, or syncs again. */
function checkCommit(done: readonly Call[], row: Call): string[] {
  const sync = done.find((call) => isDatabaseSync(call) && call.begin > row.end);
  if (sync === undefined) return ['a row was written and the metadata was not synced after it'];
  const meta = done.find((call) => writes.has(call.name) && isDatabase(call) && call.begin > sync.end);
  return meta === undefined ? ['the metadata was synced and no meta page was written after it'] : [];
}

function firstRow(done: readonly Call[], key: string): Call | undefined {
  return done.find((call) => isRowWrite(call) && call.args.includes(key));
}

function isRowWrite(call: Call): boolean {
  return writes.has(call.name) && isDatabase(call);
}

function isDatabaseSync(call: Call): boolean {
  return (syncs.has(call.name) || call.name === 'msync') && (call.name === 'msync' || isDatabase(call));
}

function isDatabase(call: Call): boolean {
  return descriptorPath(call)?.endsWith('/metadata.v1/lmdb/data.mdb') === true;
}
