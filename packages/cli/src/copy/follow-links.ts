import path from 'node:path';
import type { Container, PathStat } from '@slipway/plugin-api';

/** As the kernel. */
const mostLinks = 40;

/** What is at the end of the links at a path; `stat` is undefined where they lead to nothing, or in a circle. */
export async function followLinks(
  container: Container,
  from: string,
): Promise<{ readonly path: string; readonly stat: PathStat | undefined }> {
  let at = from;
  for (let left = mostLinks; left > 0; left--) {
    const stat = await container.statPath(at);
    if (stat?.linkTarget === undefined) return { path: stat?.path ?? path.posix.normalize(at), stat };
    at = path.posix.resolve(path.posix.dirname(stat.path), stat.linkTarget);
  }
  return { path: at, stat: undefined };
}
