import { add, type Directory, directory, isDirectory } from './model.ts';

/** As many as the kernel follows. */
const MAX_LINKS = 40;

/** Components of a name; `.` and empty ones say nothing. */
export function components(name: string): string[] {
  return name.split('/').filter((part) => part !== '' && part !== '.');
}

/** A directory, and the names that lead to it from the root. */
export interface Place {
  readonly directory: Directory;
  readonly above: readonly { readonly directory: Directory; readonly name: string }[];
}

/**
 * The directory that a path leads to, found as chroot(2) to the root would: symbolic links are followed where they are met, `..` is the real
 * parent, and of the root itself. For a layer that creates, what is missing or no directory becomes one (0755 root); without, undefined is the answer then.
 */
export function resolveDirectory(root: Directory, path: readonly string[], creator?: number): Place | undefined {
  const above: { directory: Directory; name: string }[] = [];
  let here = root;
  let missing: string[] = [];
  const rest = [...path];
  let links = 0;
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    if (part === '..') {
      if (missing.pop() === undefined) here = above.pop()?.directory ?? root;
      continue;
    }
    const child = missing.length > 0 ? undefined : here.children.get(part);
    if (child && isDirectory(child)) {
      above.push({ directory: here, name: part });
      here = child;
    } else if (child?.type === 'l') {
      links += 1;
      if (links > MAX_LINKS) throw new Error('too many symbolic links on the way');
      const target = child.link ?? '';
      if (target.startsWith('/')) {
        above.length = 0;
        here = root;
      }
      rest.unshift(...components(target));
    } else missing = [...missing, part];
  }
  if (missing.length > 0 && creator === undefined) return undefined;
  for (const name of missing) {
    const made = directory(0o755, 0, 0, null);
    add(here, name, made, creator ?? 0);
    above.push({ directory: here, name });
    here = made;
  }
  return { directory: here, above };
}
