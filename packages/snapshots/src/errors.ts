import { type ErrorKind, SlipwayError } from '@slipway/plugin-api';

function refusal(kind: ErrorKind, code: string, what: string, key: string, found: string, hint?: string): SlipwayError {
  return new SlipwayError({ kind, code, message: `${what} "${shortened(key)}": ${found}`, hint, details: { key } });
}

/** Keys come from anywhere and may be long. */
function shortened(key: string): string {
  return key.length > 128 ? `${key.slice(0, 128)}...` : key;
}

export const invalidKey = (what: string, key: string): SlipwayError =>
  refusal('invalid-argument', 'SNAPSHOT_KEY_INVALID', what, key, 'a key is 1 to 512 characters of well-formed Unicode');

export const invalidLabel = (what: string, key: string, label: string, found: string): SlipwayError =>
  refusal('invalid-argument', 'SNAPSHOT_LABEL_INVALID', what, key, `label "${shortened(label)}" is ${found}, expected a string`);

export const snapshotNotFound = (what: string, key: string): SlipwayError =>
  refusal('not-found', 'SNAPSHOT_NOT_FOUND', what, key, 'there is no such snapshot');

export const snapshotExists = (what: string, key: string): SlipwayError =>
  refusal('already-exists', 'SNAPSHOT_EXISTS', what, key, 'the key is taken');

export const parentNotFound = (what: string, key: string, parent: string): SlipwayError =>
  refusal('not-found', 'SNAPSHOT_PARENT_NOT_FOUND', what, key, `there is no parent "${shortened(parent)}"`);

export const parentNotCommitted = (what: string, key: string, parent: string, kind: string): SlipwayError =>
  refusal(
    'invalid-argument',
    'SNAPSHOT_PARENT_NOT_COMMITTED',
    what,
    key,
    `the parent "${shortened(parent)}" is of kind "${kind}", expected "committed"`,
    'commit the parent first',
  );

export const parentReplaced = (what: string, key: string, parent: string): SlipwayError =>
  refusal(
    'aborted',
    'SNAPSHOT_PARENT_REPLACED',
    what,
    key,
    `the parent "${shortened(parent)}" was replaced meanwhile`,
    'try again',
  );

export const hasParent = (what: string, key: string, found: string): SlipwayError =>
  refusal(
    'failed-precondition',
    'SNAPSHOT_HAS_PARENT',
    what,
    key,
    `it grows on "${shortened(found)}" already, expected a snapshot that was prepared without a parent`,
    'commit it without a parent, or prepare one without',
  );

export const rebaseUnsupported = (what: string, key: string): SlipwayError =>
  refusal(
    'unimplemented',
    'SNAPSHOT_REBASE_UNSUPPORTED',
    what,
    key,
    'this snapshotter cannot put a snapshot onto a parent that it was not prepared on',
    'prepare the snapshot on its parent',
  );

export const wrongKind = (what: string, key: string, kind: string, expected: string): SlipwayError =>
  refusal('failed-precondition', 'SNAPSHOT_WRONG_KIND', what, key, `the snapshot is of kind "${kind}", expected ${expected}`);

export const hasChildren = (what: string, key: string): SlipwayError =>
  refusal('failed-precondition', 'SNAPSHOT_HAS_CHILDREN', what, key, 'other snapshots grow on it', 'remove its children first');

/** Of a snapshot whose folder somebody deleted: its row says that it is there. */
export const treeGone = (what: string, key: string, tree: string): SlipwayError =>
  refusal(
    'data-loss',
    'SNAPSHOT_TREE_GONE',
    what,
    key,
    `"${tree}" is not on disk, expected the files of a snapshot`,
    'slipway verify --repair finds what is missing and unpacks it again',
  );

export const snapshotterClosed = (): SlipwayError =>
  new SlipwayError({ kind: 'unavailable', code: 'SNAPSHOTTER_CLOSED', message: 'the snapshotter has been closed' });
