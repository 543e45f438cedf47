import { checkExecString, invalid, quote } from './invalid.js';

/** A path from `/` on, without `.` and `..`, that the kernel could take. Errors: `code`; `NUL_IN_TEXT`. */
export function checkAbsolutePath(code: string, what: string, path: string): void {
  checkExecString(what, path);
  if (!path.startsWith('/') || path.length > 4095)
    throw invalid(code, `${what} ${quote(path)} is not an absolute path`, { hint: 'start it with "/"' });
  if (path.split('/').some((name) => name === '..' || name === '.'))
    throw invalid(code, `${what} ${quote(path)} has "." or ".." in it`, { hint: 'write the path out' });
}
