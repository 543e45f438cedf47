import { constants } from 'node:fs';
import type { ByteString } from '../bytes.js';
import { type Attributes, attributesOf } from '../tree/attributes.js';
import { inodeKey, linkTargetOf, type TreeAccess, type TreeEntry } from './merged-tree.js';
import { OpenFile } from './open-file.js';

/** A label that the host's security module puts on every file: it says where the tree lies, not what it is. */
const hostLabel = 'security.selinux';

/** Everything but type and content. Extended attributes are in the order of their names. */
export function readAttributes(entry: TreeEntry): Attributes {
  const xattrs = entry.at
    .readXattrs(entry.name)
    .filter(({ name }) => name !== hostLabel)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return attributesOf(entry.stats, xattrs);
}

const fileType = BigInt(constants.S_IFMT);

/** Whether two entries are the same in all that a layer can say of them, hard links and a directory's content left aside. */
export function isSame(
  access: TreeAccess,
  lower: TreeEntry,
  upper: TreeEntry,
  path: ByteString,
  checkpoint: () => void,
): boolean {
  const [a, b] = [lower.stats, upper.stats];
  if (inodeKey(a) === inodeKey(b)) return true;
  if ((a.mode & fileType) !== (b.mode & fileType)) return false;
  if (a.isFile() && a.size !== b.size) return false;
  if ((a.isCharacterDevice() || a.isBlockDevice()) && a.rdev !== b.rdev) return false;
  if (!haveSameAttributes(readAttributes(lower), readAttributes(upper))) return false;
  if (a.isSymbolicLink()) return linkTargetOf(lower) === linkTargetOf(upper);
  return !a.isFile() || haveSameContent(access, lower, upper, path, checkpoint);
}

function haveSameAttributes(a: Attributes, b: Attributes): boolean {
  return (
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.mtimeSeconds === b.mtimeSeconds &&
    a.mtimeNanoseconds === b.mtimeNanoseconds &&
    a.xattrs.length === b.xattrs.length &&
    a.xattrs.every(({ name, value }, index) => b.xattrs[index]?.name === name && b.xattrs[index].value.equals(value))
  );
}

const chunkBytes = 1 << 18;

function haveSameContent(
  access: TreeAccess,
  lower: TreeEntry,
  upper: TreeEntry,
  path: ByteString,
  checkpoint: () => void,
): boolean {
  using a = new OpenFile(access, lower, path);
  using b = new OpenFile(access, upper, path);
  const [left, right] = [Buffer.allocUnsafe(chunkBytes), Buffer.allocUnsafe(chunkBytes)];
  for (let at = 0; at < a.size; at += chunkBytes) {
    checkpoint();
    const bytes = Math.min(chunkBytes, a.size - at);
    a.read(left, 0, bytes, at);
    b.read(right, 0, bytes, at);
    if (Buffer.compare(left.subarray(0, bytes), right.subarray(0, bytes)) !== 0) return false;
  }
  a.ensureUnchanged();
  b.ensureUnchanged();
  return true;
}
