/** A folder, file or device of an initramfs. Owner and times are 0: the same entries give the same bytes. */
export interface CpioEntry {
  /** Relative, without dots. */
  readonly name: string;
  /** With the type of the file (`S_IFREG` and its like). */
  readonly mode: number;
  readonly content?: Buffer;
  /** Of a device. */
  readonly device?: readonly [major: number, minor: number];
}

export function cpioFolder(name: string, permissions = 0o755): CpioEntry {
  return { name, mode: 0o040000 | permissions };
}

export function cpioFile(name: string, content: Buffer, permissions = 0o644): CpioEntry {
  return { name, mode: 0o100000 | permissions, content };
}

/** The archive in the form `newc` (cpio(5)) that kernels unpack at boot. The kernel needs each folder before what is in it. */
export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const pieces = entries.flatMap((entry, at) => member(entry, at + 1));
  pieces.push(...member({ name: 'TRAILER!!!', mode: 0 }, 0));
  return Buffer.concat(pieces);
}

function member({ name, mode, content, device }: CpioEntry, inode: number): Buffer[] {
  const nameBytes = Buffer.from(`${name}\0`);
  const size = content?.length ?? 0;
  const links = (mode & 0o170000) === 0o040000 ? 2 : 1;
  const fields = [inode, mode, 0, 0, links, 0, size, 0, 0, device?.[0] ?? 0, device?.[1] ?? 0, nameBytes.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  const head = [header, nameBytes, padding(header.length + nameBytes.length)];
  return content === undefined ? head : [...head, content, padding(size)];
}

function padding(size: number): Buffer {
  return Buffer.alloc(-size & 3);
}
