/** Those of `names` that are close enough to `text` to be meant, nearest first, at most three. */
export function nearNames(text: string, names: readonly string[]): readonly string[] {
  if (text.length > 64) return [];
  const limit = Math.max(2, Math.floor(text.length / 3));
  return names
    .map((name) => ({ name, steps: name.includes(text) ? 1 : editDistance(text, name) }))
    .filter(({ steps }) => steps <= limit)
    .sort((a, b) => a.steps - b.steps)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** Insertions, deletions and replacements between two short texts. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, char] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (char === b[j] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
