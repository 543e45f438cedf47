import { type BigIntStats, closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { showsLower } from '@slipway/layers';
import { linux, O_PATH } from '@slipway/linux';
import { hasCode, type LayerTree } from '@slipway/plugin-api';
import { layerDirectory, readingImage } from './layer-directory.js';

/** Enough to see what happened, and not a list of a million paths. */
const mostDifferences = 10;
const pieceBytes = 256 * 1024;
const fileType = 0o170000n;
const permissions = 0o7777n;
const characterDevice = 0o020000n;
const opaque = 'trusted.overlay.opaque';

/** Names from the root down: bytes as latin1, so that every name can be told from every other. */
type Names = readonly string[];

interface Comparison {
  readonly differences: string[];
  /** Of files with several names: the inode here to the inode there. */
  readonly links: Map<bigint, bigint>;
  readonly checkpoint: () => void;
  /** The expected tree on those that it lies on. */
  readonly trees: readonly LayerTree[];
  readonly pieces: readonly [Buffer, Buffer];
}

/**
 * Compares two trees in everything that a layer says of them: types, modes, owners, modification times, targets, devices, extended attributes,
 * contents and hard links. overlayfs' own marks count, for they are how a layer hides what is below; but for an opaque mark where there is nothing
 * to hide, which a layer that was staged has elsewhere than one that was applied in order.
 *
 * @param expected with the trees that it lies on, topmost first
 * @returns the first differences, found against expected; none when the trees are the same. Errors: those of reading; ENOENT when there is no tree.
 */
export function compareTrees(found: LayerTree, expected: readonly LayerTree[], checkpoint: () => void): string[] {
  return found.format === 'erofs'
    ? readingImage(found.path, () => compareLayers(found, expected, checkpoint))
    : compareLayers(found, expected, checkpoint);
}

function compareLayers(found: LayerTree, expected: readonly LayerTree[], checkpoint: () => void): string[] {
  const [top] = expected;
  using a = layerDirectory(found);
  using b = layerDirectory(top ?? { ...found, path: '' });
  const pieces = [Buffer.allocUnsafeSlow(pieceBytes), Buffer.allocUnsafeSlow(pieceBytes)] as const;
  const comparison: Comparison = { differences: [], links: new Map(), checkpoint, trees: expected, pieces };
  // Not even the top of it: that is no difference of trees.
  lstatSync(a.path);
  compareEntry(comparison, Buffer.from(a.path), Buffer.from(b.path), []);
  return comparison.differences;
}

function compareEntry(comparison: Comparison, found: Buffer, expected: Buffer, at: Names): void {
  comparison.checkpoint();
  const [a, b] = [statOf(found), statOf(expected)];
  if (a === undefined || b === undefined) {
    if (a !== b) tell(comparison, at, a === undefined ? 'missing' : `${typeName(a)}, expected nothing`);
    return;
  }
  if ((a.mode & fileType) !== (b.mode & fileType) || a.rdev !== b.rdev) {
    tell(comparison, at, `${typeName(a)}, expected ${typeName(b)}`);
    return;
  }
  // A whiteout is nothing but its type.
  if ((a.mode & fileType) === characterDevice && a.rdev === 0n) return;
  compareAttributes(comparison, a, b, at);
  compareXattrs(comparison, found, expected, at);
  if (a.isSymbolicLink()) compareTargets(comparison, found, expected, at);
  else if (a.isDirectory()) compareDirectories(comparison, found, expected, at);
  else if (!isKnownLink(comparison, a, b, at) && a.isFile()) compareContents(comparison, [found, a], [expected, b], at);
}

function compareAttributes(comparison: Comparison, a: BigIntStats, b: BigIntStats, at: Names): void {
  const [modeA, modeB] = [a.mode & permissions, b.mode & permissions];
  if (modeA !== modeB) tell(comparison, at, `mode ${octal(modeA)}, expected ${octal(modeB)}`);
  if (a.uid !== b.uid || a.gid !== b.gid) tell(comparison, at, `owner ${a.uid}:${a.gid}, expected ${b.uid}:${b.gid}`);
  if (a.mtimeNs !== b.mtimeNs) tell(comparison, at, `changed at ${timeOf(a.mtimeNs)}, expected ${timeOf(b.mtimeNs)}`);
}

function compareXattrs(comparison: Comparison, found: Buffer, expected: Buffer, at: Names): void {
  const [a, b] = [xattrsOf(found), xattrsOf(expected)];
  for (const attribute of new Set([...a.keys(), ...b.keys()])) {
    const [mine, wanted] = [a.get(attribute), b.get(attribute)];
    if (mine !== undefined && wanted?.equals(mine) === true) continue;
    if (attribute !== opaque || showsLower(linux, comparison.trees, at))
      tell(comparison, at, `extended attribute "${attribute}" ${howDiffers(mine, wanted)}`);
  }
}

function howDiffers(found: Buffer | undefined, expected: Buffer | undefined): string {
  if (found === undefined) return 'is missing';
  return expected === undefined ? 'is there, expected none' : 'has another value';
}

function compareTargets(comparison: Comparison, found: Buffer, expected: Buffer, at: Names): void {
  const [a, b] = [readlinkSync(found, { encoding: 'buffer' }), readlinkSync(expected, { encoding: 'buffer' })];
  if (!a.equals(b)) tell(comparison, at, `link to ${quoted(a)}, expected ${quoted(b)}`);
}

/** By descriptor and one name, so that a tree may be deeper than a path can be long. */
function compareDirectories(comparison: Comparison, found: Buffer, expected: Buffer, at: Names): void {
  using a = openDirectory(found);
  using b = openDirectory(expected);
  for (const child of new Set([...a.names(), ...b.names()])) {
    if (comparison.differences.length >= mostDifferences) return;
    compareEntry(comparison, a.path(child), b.path(child), [...at, child]);
  }
}

/** A further name of a file that was compared under its first one. */
function isKnownLink(comparison: Comparison, a: BigIntStats, b: BigIntStats, at: Names): boolean {
  if (a.nlink !== b.nlink) tell(comparison, at, `${a.nlink} names of one file, expected ${b.nlink}`);
  if (a.nlink === 1n) return false;
  const known = comparison.links.get(a.ino);
  if (known === b.ino) return true;
  if (known === undefined) comparison.links.set(a.ino, b.ino);
  else tell(comparison, at, 'a name of another file than expected');
  return false;
}

function compareContents(
  comparison: Comparison,
  [found, a]: readonly [Buffer, BigIntStats],
  [expected, b]: readonly [Buffer, BigIntStats],
  at: Names,
): void {
  if (a.size !== b.size) {
    tell(comparison, at, `${a.size} bytes, expected ${b.size}`);
    return;
  }
  using fdA = openFile(found);
  using fdB = openFile(expected);
  const [pieceA, pieceB] = comparison.pieces;
  for (let position = 0; ; ) {
    comparison.checkpoint();
    const readA = readSync(fdA.fd, pieceA, 0, pieceBytes, position);
    const readB = readSync(fdB.fd, pieceB, 0, pieceBytes, position);
    if (readA !== readB || !pieceA.subarray(0, readA).equals(pieceB.subarray(0, readB))) {
      tell(comparison, at, 'content that differs');
      return;
    }
    if (readA === 0) return;
    position += readA;
  }
}

function tell({ differences }: Comparison, at: Names, what: string): void {
  const shown = Buffer.from(`/${at.join('/')}`, 'latin1').toString();
  if (differences.length < mostDifferences) differences.push(`${JSON.stringify(shown)}: ${what}`);
}

function statOf(path: Buffer): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

function xattrsOf(path: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  try {
    for (const name of linux.llistxattr(path)) {
      const value = linux.lgetxattr(path, name);
      if (value !== undefined) found.set(name.toString('latin1'), value);
    }
  } catch (error) {
    // A file system without extended attributes has none to compare.
    if (!hasCode(error, 'ENOTSUP', 'EOPNOTSUPP')) throw error;
  }
  return found;
}

interface OpenDirectory extends Disposable {
  names(): string[];
  path(name: string): Buffer;
}

function openDirectory(path: Buffer): OpenDirectory {
  const fd = openSync(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  const prefix = `/proc/self/fd/${fd}/`;
  return {
    names: () => readdirSync(prefix, 'latin1').sort(),
    path: (name) => Buffer.from(prefix + name, 'latin1'),
    [Symbol.dispose]: () => closeSync(fd),
  };
}

function openFile(path: Buffer): Disposable & { readonly fd: number } {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NOATIME);
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}

function typeName(stats: BigIntStats): string {
  if (stats.isFile()) return 'a file';
  if (stats.isDirectory()) return 'a directory';
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isFIFO()) return 'a fifo';
  if (stats.isSocket()) return 'a socket';
  if (stats.isCharacterDevice() && stats.rdev === 0n) return 'a whiteout';
  return `device ${stats.rdev}`;
}

function octal(mode: bigint): string {
  return mode.toString(8).padStart(4, '0');
}

function timeOf(ns: bigint): string {
  const time = new Date(Number(ns / 1_000_000n));
  return Number.isNaN(time.getTime()) ? `${ns} ns` : time.toISOString();
}

function quoted(bytes: Buffer): string {
  return JSON.stringify(bytes.toString());
}
