import { type Directory, directory, isDirectory } from './model.ts';

/** As many as the kernel follows. */
const MAX_LINKS = 40;

/** Components of a name, `.` and empty ones left out, `..` and a leading `/` kept inside the root. */
export function normalise(name: string): string[] {
  const path: string[] = [];
  for (const part of name.split('/')) {
    if (part === '..') path.pop();
    else if (part !== '' && part !== '.') path.push(part);
  }
  return path;
}

/**
 * The directory that holds the last component, symbolic links on the way followed inside the root. With `create`, what is missing or no
 * directory becomes one (0755 root); without, undefined is the answer then.
 */
export function resolveParent(root: Directory, path: readonly string[], { create }: { create: boolean }): Directory | undefined {
  const stack = [root];
  const rest = path.slice(0, -1);
  let links = 0;
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    const here = stack.at(-1) ?? root;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (stack.length > 1) stack.pop();
      continue;
    }
    const child = here.children.get(part);
    if (child && isDirectory(child)) stack.push(child);
    else if (child?.type === 'l') {
      links += 1;
      if (links > MAX_LINKS) throw new Error('too many symbolic links on the way');
      const target = child.link ?? '';
      if (target.startsWith('/')) stack.length = 1;
      rest.unshift(...target.split('/'));
    } else {
      if (!create) return undefined;
      const made = directory(0o755, 0, 0, null);
      here.children.set(part, made);
      stack.push(made);
    }
  }
  return stack.at(-1);
}
