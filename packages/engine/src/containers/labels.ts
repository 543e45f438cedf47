/** Whether each wish, `key` or `key=value`, holds. */
export function hasLabels(labels: Readonly<Record<string, string>>, wanted: readonly string[]): boolean {
  return wanted.every((wish) => {
    const at = wish.indexOf('=');
    const key = at === -1 ? wish : wish.slice(0, at);
    return Object.hasOwn(labels, key) && (at === -1 || labels[key] === wish.slice(at + 1));
  });
}
