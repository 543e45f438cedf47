/** No kernel has more than 8192 processors; a list that names more is not one that a kernel would write or take. */
const maxNumber = 65_535;

/** Numbers of a list as `0-3,5`, in order. Undefined when it is no such list. */
export function parseCpuList(text: string): readonly number[] | undefined {
  const found = new Set<number>();
  for (const part of text.trim().split(',')) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first || last > maxNumber) return undefined;
    for (let number = first; number <= last; number++) found.add(number);
  }
  return [...found].sort((a, b) => a - b);
}
