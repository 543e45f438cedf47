export interface Entry {
  readonly name: string;
  readonly mode: number;
  readonly owner: readonly [number, number];
  readonly time: number;
  readonly device: readonly [number, number];
  readonly content: Buffer;
}

/** What is in an archive of the form `newc`. */
export function readCpio(archive: Buffer): readonly Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; ; ) {
    if (archive.toString('latin1', at, at + 6) !== '070701') throw new Error(`no header at ${at}`);
    const field = (index: number): number =>
      Number.parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    const nameEnd = at + 110 + field(11);
    const name = archive.toString('utf8', at + 110, nameEnd - 1);
    const start = aligned(nameEnd);
    const content = archive.subarray(start, start + field(6));
    if (name === 'TRAILER!!!') return entries;
    entries.push({ name, mode: field(1), owner: [field(2), field(3)], time: field(5), device: [field(9), field(10)], content });
    at = aligned(start + content.length);
  }
}

function aligned(size: number): number {
  return Math.ceil(size / 4) * 4;
}
