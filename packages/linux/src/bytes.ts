import type { Path } from './system.js';

/** The NUL-terminated bytes of a path or name. A NUL inside would silently cut it short, so it is refused as in node:fs. */
export function cString(path: Path): Buffer {
  const bytes = typeof path === 'string' ? Buffer.from(`${path}\0`) : Buffer.concat([path, Buffer.of(0)]);
  if (bytes.indexOf(0) !== bytes.length - 1) {
    throw Object.assign(new TypeError(`a path must not contain NUL bytes: ${JSON.stringify(path.toString())}`), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
  }
  return bytes;
}
