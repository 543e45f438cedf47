import { createHash } from 'node:crypto';

/** f regular file, d directory, l symbolic link, c and b character and block device, p fifo, s socket. */
export type TreeEntryType = 'f' | 'd' | 'l' | 'c' | 'b' | 'p' | 's';

/** One path of a tree, as plain data that can be printed, compared and stored as JSON. */
export interface TreeEntry {
  /** From the root, beginning with `/`; see {@link escapeBytes}. */
  readonly path: string;
  readonly type: TreeEntryType;
  /** Permission bits with setuid, setgid and sticky, four octal digits; always 0777 for a symbolic link. */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970, negative before; null when nothing says what it must be, and then it equals every time. */
  readonly mtimeNs: string | null;
  readonly size?: number | undefined;
  readonly sha256?: string | undefined;
  /** Target of a symbolic link, escaped as `path` is. */
  readonly link?: string | undefined;
  /** `major:minor` of a device. */
  readonly device?: string | undefined;
  /** Name to value in hex, of every namespace but `trusted.overlay.`, which is how overlayfs keeps its own notes. */
  readonly xattrs?: Readonly<Record<string, string>> | undefined;
  /** The first path of the hard-link group, when more than one path of the tree shares the inode. */
  readonly hardLinkOf?: string | undefined;
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Bytes of a name as text, one to one: valid UTF-8 stays as it is but for control characters and the backslash, which become `\xNN` and `\\`;
 * of anything else every byte that is not printable ASCII becomes `\xNN`.
 */
export function escapeBytes(bytes: Uint8Array): string {
  let text: string;
  let valid = true;
  try {
    text = strict.decode(bytes);
  } catch {
    text = Buffer.from(bytes).toString('latin1');
    valid = false;
  }
  let out = '';
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    if (char === '\\') out += '\\\\';
    else if (code < 0x20 || code === 0x7f || (!valid && code > 0x7f)) out += `\\x${code.toString(16).padStart(2, '0')}`;
    else out += char;
  }
  return out;
}

export function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** By bytes, so that the order does not depend on a locale; paths are latin1 text, one character a byte. */
export function byteOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The entries, each given with whatever identifies its inode, with their hard-link groups filled in. */
export function withHardLinks(entries: readonly (readonly [TreeEntry, unknown])[]): TreeEntry[] {
  const groups = new Map<unknown, string[]>();
  for (const [entry, inode] of entries) {
    if (entry.type === 'd') continue;
    const group = groups.get(inode);
    if (group) group.push(entry.path);
    else groups.set(inode, [entry.path]);
  }
  return entries.map(([entry, inode]) => {
    const group = entry.type === 'd' ? undefined : groups.get(inode);
    return group !== undefined && group.length > 1 ? { ...entry, hardLinkOf: group[0] } : entry;
  });
}
