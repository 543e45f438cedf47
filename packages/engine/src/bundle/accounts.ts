import { invalid, quote } from './invalid.js';
import type { RootFiles } from './root-files.js';

/** An entry of /etc/passwd. Numbers are still text: only those of the entry that is used must be right. */
export interface PasswdEntry {
  readonly name: string;
  readonly uid: string;
  readonly gid: string;
  readonly home: string;
}

export interface GroupEntry {
  readonly name: string;
  readonly gid: string;
  readonly members: readonly string[];
}

const maxFileBytes = 4 * 1024 * 1024;

/**
 * The users of an image, one after the other; none when it has no such file. The file is read and checked now, its lines are taken
 * apart when asked for: a file of a million short lines costs no more than its bytes. Errors: `ROOT_FILE_INVALID`.
 */
export function readPasswd(root: RootFiles): IteratorObject<PasswdEntry> {
  return lines(root, '/etc/passwd').map(([name = '', , uid = '', gid = '', , home = '']) => ({ name, uid, gid, home }));
}

/** As {@link readPasswd}, for groups. */
export function readGroup(root: RootFiles): IteratorObject<GroupEntry> {
  return lines(root, '/etc/group').map(([name = '', , gid = '', members = '']) => ({ name, gid, members: members.split(',') }));
}

function lines(root: RootFiles, path: string): IteratorObject<readonly string[]> {
  return fieldsOf(root.readFile(path, maxFileBytes)?.toString('utf8') ?? '');
}

function* fieldsOf(text: string): Generator<readonly string[], undefined> {
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(start, end).trim();
    if (line !== '' && !line.startsWith('#')) yield line.split(':');
    start = end + 1;
  }
}

/** Docker's bound: what fits a signed 32-bit number. Above it older tools overflow to 0, which is root (CVE-2024-40635). */
const maxId = 2_147_483_647;

/** Undefined when `text` is a name. Errors: `USER_INVALID` for a number that is no id. */
export function parseId(what: string, text: string): number | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const id = Number(text);
  if (id < 0 || id > maxId || Object.is(id, -0))
    throw invalid('USER_INVALID', `${what} ${quote(text)} is not from 0 to ${maxId}`, {
      hint: 'choose another user, as in: slipway run --user 1000',
    });
  return id;
}

/** As {@link parseId}, for a field of a file, where there must be a number. */
export function requireId(what: string, text: string): number {
  const id = parseId(what, text);
  if (id === undefined)
    throw invalid('USER_INVALID', `${what} ${quote(text)} is not a number`, {
      hint: 'choose another user, as in: slipway run --user 1000',
    });
  return id;
}
