/** Where the code of a bundle comes from: for each line, pairs of a column and the place from there on, `packages/x/dist/y.js:12`. */
export interface Places {
  readonly files: readonly string[];
  /** Of each line: `column,file,line` for each part, with a semicolon between. Numbers from 0. */
  readonly lines: readonly string[];
}

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Of a source map (revision 3), so that a thread reads the one line that it needs. `nameOf` is told a source as the map names it, from its own folder on. */
export function placesOf(map: string, nameOf: (source: string) => string): Places {
  const { sources, mappings } = JSON.parse(map) as { readonly sources: readonly string[]; readonly mappings: string };
  let [file, line] = [0, 0];
  const lines = mappings.split(';').map((text) => {
    let column = 0;
    const parts = text.split(',').flatMap((segment) => {
      const [columns = 0, files, from] = numbers(segment);
      column += columns;
      if (files === undefined || from === undefined) return [];
      file += files;
      line += from;
      return [[column, file, line].join(',')];
    });
    return parts.join(';');
  });
  return { files: sources.map(nameOf), lines };
}

/** The place of a line and a column, both from 1 as a stack trace tells them. */
export function placeAt({ files, lines }: Places, line: number, column: number): string | undefined {
  const parts = (lines[line - 1] ?? '').split(';').filter((part) => part !== '');
  const found = parts.map((part) => part.split(',').map(Number)).findLast(([from = 0]) => from <= column - 1);
  const [, file = 0, from = 0] = found ?? [];
  return found === undefined ? undefined : `${files[file]}:${from + 1}`;
}

/** Base64 VLQ: five bits a digit, the least first; the least of all is the sign. */
function numbers(segment: string): number[] {
  const found: number[] = [];
  let [value, shift] = [0, 0];
  for (const digit of segment) {
    const bits = digits.indexOf(digit);
    value += (bits & 31) << shift;
    shift += 5;
    if ((bits & 32) !== 0) continue;
    found.push((value & 1) === 0 ? value >> 1 : -(value >> 1));
    [value, shift] = [0, 0];
  }
  return found;
}
