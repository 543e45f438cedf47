import { SlipwayError } from '@slipway/plugin-api';
import { type GroupEntry, type PasswdEntry, parseId, readGroup, readPasswd, requireId } from './accounts.js';
import { invalid, quote } from './invalid.js';
import type { RootFiles } from './root-files.js';

export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
  /** The primary group first (CVE-2022-36109: without it the process may drop a group that denies it something). */
  readonly additionalGids: readonly number[];
  /** `/` when the image does not say. */
  readonly home: string;
}

/** NGROUPS_MAX of the kernel. */
const maxGroups = 65_536;

/**
 * `user`, `user:group`, each a name or a number, looked up in the tree; empty means root. A number is always a number, also
 * where a user of that name exists. Without a group: the user's own, and all groups it is a member of. With one: that alone.
 * `further` groups are added to these. Errors: `not-found` with `USER_NOT_FOUND` or `GROUP_NOT_FOUND`; `USER_INVALID`; `ROOT_FILE_INVALID`. Nothing ever falls back to root.
 */
export function resolveUser(root: RootFiles, text: string, further: readonly string[] = []): ContainerUser {
  const user = resolveOne(root, text);
  if (further.length === 0) return user;
  const gids = [...new Set([...user.additionalGids, ...furtherGroups(root, further)])];
  checkCount(text, gids.length);
  return { ...user, additionalGids: gids };
}

/** Each looked up by itself: a name in its /etc/group, a number is a number. */
function furtherGroups(root: RootFiles, names: readonly string[]): readonly number[] {
  const groups = new Map<string, string>();
  for (const group of readGroup(root))
    if (names.includes(group.name) && !groups.has(group.name)) groups.set(group.name, group.gid);
  return names.map((name) => {
    if (name === '') throw invalid('USER_INVALID', 'A further group has no name');
    const found = groups.get(name);
    const gid =
      parseId('Group', name) ??
      (found === undefined ? found : requireId(`Group number of ${quote(name)} in /etc/group of ${root.name}`, found));
    if (gid === undefined) throw notFound('GROUP_NOT_FOUND', `Group ${quote(name)} is not in /etc/group of ${root.name}`);
    return gid;
  });
}

function resolveOne(root: RootFiles, text: string): ContainerUser {
  const [user = '', group = '', ...rest] = text.split(':');
  if (rest.length > 0)
    throw invalid('USER_INVALID', `User ${quote(text)} has more than one ":"`, { hint: 'expected user or user:group' });
  const askedUid = parseId('User', user === '' ? '0' : user);
  const askedGid = parseId('Group', group);
  // Both are read whatever is asked: runtimes read them too, without these bounds.
  const passwd = readPasswd(root);
  const groups = readGroup(root);

  const entry = passwd.find((candidate) => (askedUid === undefined ? candidate.name === user : isId(candidate.uid, askedUid)));
  const uid = askedUid ?? (entry && requireId(`User number of ${quote(user)} in /etc/passwd of ${root.name}`, entry.uid));
  if (uid === undefined) throw notFound('USER_NOT_FOUND', `User ${quote(user)} is not in /etc/passwd of ${root.name}`);
  const home = entry === undefined || entry.home === '' ? '/' : entry.home;

  if (group !== '') {
    const found = groups.find((candidate) => candidate.name === group);
    const gid = askedGid ?? (found && requireId(`Group number of ${quote(group)} in /etc/group of ${root.name}`, found.gid));
    if (gid === undefined) throw notFound('GROUP_NOT_FOUND', `Group ${quote(group)} is not in /etc/group of ${root.name}`);
    return { uid, gid, additionalGids: [gid], home };
  }
  const gid =
    entry === undefined ? 0 : requireId(`Group number of user ${quote(entry.name)} in /etc/passwd of ${root.name}`, entry.gid);
  return { uid, gid, additionalGids: [...new Set([gid, ...memberships(root, entry, groups)])], home };
}

function memberships(root: RootFiles, entry: PasswdEntry | undefined, groups: IteratorObject<GroupEntry>): readonly number[] {
  if (entry === undefined || entry.name === '') return [];
  const gids = new Set(
    groups
      .filter((group) => group.members.includes(entry.name))
      .map((group) => requireId(`Group number of ${quote(group.name)} in /etc/group of ${root.name}`, group.gid)),
  );
  checkCount(entry.name, gids.size + 1);
  return [...gids];
}

function checkCount(name: string, groups: number): void {
  if (groups > maxGroups)
    throw invalid('USER_INVALID', `User ${quote(name)} is a member of ${groups} groups, at most ${maxGroups} are possible`);
}

function isId(field: string, id: number): boolean {
  return /^\d+$/.test(field) && Number(field) === id;
}

function notFound(code: string, message: string): SlipwayError {
  return new SlipwayError({ kind: 'not-found', code, message, hint: 'give a number, or a name that is there' });
}
