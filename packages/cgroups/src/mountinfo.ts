/** A mounted hierarchy of control groups. */
export interface CgroupMount {
  /** Of the hierarchy: `memory`, `cpu`, `name=systemd`; empty for the unified one. */
  readonly controllers: readonly string[];
  readonly unified: boolean;
  /** The cgroup that is seen at the mount point: `/`, unless this is a container. */
  readonly root: string;
  readonly mountPoint: string;
}

/** The hierarchies in a text of proc_pid_mountinfo(5): `ID parent major:minor root mountpoint options [optional ...] - fstype source superoptions`. */
export function parseMountinfo(text: string): CgroupMount[] {
  const found: CgroupMount[] = [];
  for (const line of text.split('\n')) {
    const [mount = '', superBlock = ''] = line.split(' - ');
    const [fstype, , options = ''] = superBlock.split(' ');
    if (fstype !== 'cgroup' && fstype !== 'cgroup2') continue;
    const [, , , root = '', mountPoint = ''] = mount.split(' ');
    if (!root.startsWith('/') || !mountPoint.startsWith('/')) continue;
    const unified = fstype === 'cgroup2';
    found.push({
      controllers: unified ? [] : options.split(',').filter(isController),
      unified,
      root: unescaped(root),
      mountPoint: unescaped(mountPoint),
    });
  }
  return found;
}

/** The kernel writes the options of the file system and the names of the controllers in one list. */
const mountOptions = new Set(['rw', 'ro', 'xattr', 'noprefix', 'clone_children', 'favordynmods', 'cpuset_v2_mode', 'none']);

function isController(word: string): boolean {
  return word !== '' && !mountOptions.has(word) && !word.startsWith('release_agent=');
}

/** Space, tab, newline and backslash are written as `\040` and so on. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** A line of proc_pid_cgroup(5): `ID:controllers:path`. */
export interface ProcessCgroup {
  /** Empty for the unified hierarchy. */
  readonly controllers: readonly string[];
  /** In the hierarchy, as the reader's cgroup namespace shows it: with `/..` in front when it is outside. */
  readonly path: string;
}

export function parseProcCgroup(text: string): ProcessCgroup[] {
  const found: ProcessCgroup[] = [];
  for (const line of text.split('\n')) {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    // A process whose cgroup was removed is told to be in `/name (deleted)`: there is nothing to be read.
    if (match === null || line.endsWith(' (deleted)')) continue;
    const [, controllers = '', path = '/'] = match;
    found.push({ controllers: controllers === '' ? [] : controllers.split(','), path });
  }
  return found;
}
