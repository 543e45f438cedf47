import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { linux, O_CLOEXEC, O_PATH, OVERLAYFS_SUPER_MAGIC } from '@slipway/linux';
import type { Mount } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';
import { Descriptors } from '../dist/descriptors.js';
import { mountByString, mountOverlay } from '../dist/overlay.js';
import { erofsImage } from './erofs-image.ts';
import { flagsOf, tempFolder } from './temp.ts';

const seen = (fd: number): string[] => readdirSync(`/proc/self/fd/${fd}`).sort();

function folders(...names: readonly string[]): string[] {
  const top = tempFolder();
  return names.map((name) => {
    mkdirSync(join(top, name));
    writeFileSync(join(top, name, `in-${name.slice(0, 20)}`), name);
    return join(top, name);
  });
}

function withMount(mounts: readonly Mount[], look: (fd: number) => void, options?: { readonly readOnly: boolean }): void {
  const fd = linux.mountDetached(mounts, options);
  try {
    look(fd);
  } finally {
    closeSync(fd);
  }
}

describe('mountDetached', () => {
  it('shows an overlay, writes to its upper directory, and is attached nowhere', () => {
    const [one, two, upper, work] = folders('one', 'two', 'upper', 'work') as [string, string, string, string];
    withMount([{ kind: 'overlay', lower: [one, two], upper, work }], (fd) => {
      expect(flagsOf(fd) & O_CLOEXEC).toBe(O_CLOEXEC);
      expect(seen(fd)).toEqual(['in-one', 'in-two', 'in-upper']);
      expect(linux.statfs(`/proc/self/fd/${fd}`).type).toBe(OVERLAYFS_SUPER_MAGIC);
      closeSync(linux.openInRoot(fd, '../new', constants.O_CREAT | constants.O_WRONLY, 0o644));
      expect(existsSync(join(upper, 'new'))).toBe(true);
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(upper);
    });
  });

  it('makes an upper directory the topmost layer of a read-only tree', () => {
    const [one, upper, work] = folders('one', 'upper', 'work') as [string, string, string];
    const look = (fd: number): void => {
      expect(seen(fd)).toEqual(['in-one', 'in-upper']);
      expect(() => writeFileSync(`/proc/self/fd/${fd}/new`, '')).toThrow(expect.objectContaining({ code: 'EROFS' }));
    };
    withMount([{ kind: 'overlay', lower: [one], upper, work }], look, { readOnly: true });
    withMount([{ kind: 'overlay', lower: [upper, one] }], look);
    // One layer only is no overlay to the kernel.
    withMount([{ kind: 'overlay', lower: [one] }], (fd) => {
      expect(seen(fd)).toEqual(['in-one']);
      expect(() => writeFileSync(`/proc/self/fd/${fd}/new`, '')).toThrow(expect.objectContaining({ code: 'EROFS' }));
    });
  });

  it('takes paths with colons, commas, backslashes and 300 bytes', () => {
    const names = ['a:b', 'c,d', 'e\\f', 'e\\:f', 'g'.repeat(200), 'upper:,\\', 'work:,\\'];
    const made = folders(...names);
    const deep = join(made[4] as string, 'h'.repeat(200));
    mkdirSync(deep);
    writeFileSync(join(deep, 'deep'), '');
    const mount = {
      kind: 'overlay',
      lower: [deep, ...made.slice(0, 4)],
      upper: made[5] as string,
      work: made[6] as string,
    } as const;
    const expected = ['deep', 'in-a:b', 'in-c,d', 'in-e\\:f', 'in-e\\f', 'in-upper:,\\'];
    withMount([mount], (fd) => expect(seen(fd)).toEqual(expected));
    using names2 = new Descriptors();
    const fd = mountByString(mount, names2);
    expect(seen(fd)).toEqual(expected);
    closeSync(fd);
  });

  it('mounts 250 layers by appending them; by one string 128, and says when it cannot take more', () => {
    const lower = folders(...Array.from({ length: 250 }, (_, i) => `layer${i}`));
    withMount([{ kind: 'overlay', lower }], (fd) => expect(seen(fd)).toHaveLength(250));
    const before = readFileSync('/proc/self/mountinfo', 'utf8');
    {
      using names = new Descriptors();
      const fd = mountByString({ kind: 'overlay', lower: lower.slice(0, 128) }, names);
      expect(seen(fd)).toHaveLength(128);
      expect(() => writeFileSync(`/proc/self/fd/${fd}/new`, '')).toThrow(expect.objectContaining({ code: 'EROFS' }));
      closeSync(fd);
    }
    using names = new Descriptors();
    expect(() => mountByString({ kind: 'overlay', lower }, names)).toThrow(
      expect.objectContaining({ kind: 'resource-exhausted', code: 'OVERLAY_TOO_MANY_LAYERS' }),
    );
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(before);
  });

  it('says that 501 layers are too many, which the kernel calls an invalid argument', () => {
    const lower = folders(...Array.from({ length: 501 }, (_, index) => `many${index}`));
    expect(() => mountOverlay({ kind: 'overlay', lower })).toThrow(
      expect.objectContaining({ kind: 'resource-exhausted', code: 'OVERLAY_TOO_MANY_LAYERS', details: { layers: 501 } }),
    );
  });

  it('binds, read-only when asked', () => {
    const [one] = folders('one') as [string];
    withMount([{ kind: 'bind', source: one, readOnly: false }], (fd) => writeFileSync(`/proc/self/fd/${fd}/new`, ''));
    expect(existsSync(join(one, 'new'))).toBe(true);
    const refuses = (fd: number): void =>
      expect(() => writeFileSync(`/proc/self/fd/${fd}/x`, '')).toThrow(expect.objectContaining({ code: 'EROFS' }));
    withMount([{ kind: 'bind', source: one, readOnly: true }], refuses);
    withMount([{ kind: 'bind', source: one, readOnly: false }], refuses, { readOnly: true });
  });

  it('shows the last of a stack', () => {
    const [one, two] = folders('one', 'two') as [string, string];
    const stack = [one, two].map((source) => ({ kind: 'bind', source, readOnly: false }) as const);
    withMount(stack, (fd) => expect(seen(fd)).toEqual(['in-two']));
  });

  it('mounts any file system by name, with words and values', () => {
    const tmpfs = {
      kind: 'generic',
      fstype: 'tmpfs',
      source: 'tmpfs',
      flags: ['nosuid', 'rw'],
      data: { size: '1m', mode: '0711' },
    } as const;
    withMount([tmpfs], (fd) => {
      expect(linux.statfs(`/proc/self/fd/${fd}`).blocks).toBe(256n);
      writeFileSync(`/proc/self/fd/${fd}/file`, '');
    });
    expect(() => linux.mountDetached([{ ...tmpfs, flags: ['bogus'] }])).toThrow(/unknown option word "bogus"/);
    expect(() => linux.mountDetached([{ ...tmpfs, data: { bogus: '1' } }])).toThrow(
      /EINVAL.*fsconfig bogus.*Unknown parameter 'bogus'/,
    );
  });

  it('mounts a file system in a file, through a loop device that clears itself', () => {
    const image = join(tempFolder(), 'image');
    writeFileSync(image, '');
    truncateSync(image, 8 << 20);
    execFileSync('mkfs.ext4', ['-q', image]);
    withMount([{ kind: 'block', source: image, fstype: 'ext4', readOnly: false }], (fd) =>
      writeFileSync(`/proc/self/fd/${fd}/kept`, 'x'),
    );
    withMount([{ kind: 'block', source: image, fstype: 'ext4', readOnly: true }], (fd) => {
      expect(seen(fd)).toEqual(['kept', 'lost+found']);
      expect(() => writeFileSync(`/proc/self/fd/${fd}/x`, '')).toThrow(expect.objectContaining({ code: 'EROFS' }));
    });
  });

  it('mounts an EROFS image straight from its file', () => {
    const folder = join(tempFolder(), 'a:b,c');
    mkdirSync(folder);
    const image = join(folder, 'image.erofs');
    writeFileSync(image, erofsImage('from the image'));
    withMount([{ kind: 'erofs', source: image }], (fd) => {
      expect(readFileSync(`/proc/self/fd/${fd}/hello`, 'utf8')).toBe('from the image');
      expect(() => writeFileSync(`/proc/self/fd/${fd}/x`, '')).toThrow(expect.objectContaining({ code: 'EROFS' }));
    });
    writeFileSync(image, Buffer.alloc(8192));
    expect(() => linux.mountDetached([{ kind: 'erofs', source: image }])).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  it('names what fails and leaves no descriptor', () => {
    const [one] = folders('one') as [string];
    const before = readdirSync('/proc/self/fd').length;
    const missing = join(one, 'missing');
    expect(() => linux.mountDetached([{ kind: 'bind', source: missing, readOnly: true }])).toThrow(
      expect.objectContaining({ code: 'ENOENT', path: missing }),
    );
    expect(() => linux.mountDetached([{ kind: 'overlay', lower: [one, missing] }])).toThrow(
      expect.objectContaining({ code: 'ENOENT', path: missing }),
    );
    expect(() => linux.mountDetached([{ kind: 'generic', fstype: 'no-such-fs', source: 'none', flags: [], data: {} }])).toThrow(
      expect.objectContaining({ code: 'ENODEV', syscall: 'fsopen' }),
    );
    expect(() => linux.mountDetached([])).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => linux.mountDetached([{ kind: 'magic' } as unknown as Mount])).toThrow(
      expect.objectContaining({ kind: 'invalid-argument', code: 'MOUNT_KIND_UNKNOWN' }),
    );
    expect(readdirSync('/proc/self/fd')).toHaveLength(before);
  });
});

describe('a detached tree that another process inherits', () => {
  it('can be attached in its own mount namespace, unseen by this one, also what is mounted inside later', () => {
    const [one, two, upper, work, place, bound] = folders('one', 'two', 'upper', 'work', 'place', 'bound') as [
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    mkdirSync(join(bound, 'inner'));
    const overlay = linux.mountDetached([{ kind: 'overlay', lower: [one, two], upper, work }]);
    const bind = linux.mountDetached([{ kind: 'bind', source: bound, readOnly: false }]);
    const child = spawnSync(process.execPath, [join(import.meta.dirname, 'attach-child.ts'), place, one], {
      stdio: ['ignore', 'pipe', 'pipe', overlay, bind],
      encoding: 'utf8',
    });
    closeSync(overlay);
    closeSync(bind);
    expect(child.stderr).toBe('');
    expect(JSON.parse(child.stdout)).toEqual({
      overlay: ['in-one', 'in-two', 'in-upper', 'written'],
      bind: ['in-bound', 'inner'],
      busy: 'EBUSY',
      afterwards: ['in-place'],
    });
    expect(readdirSync(place)).toEqual(['in-place']);
    expect(readFileSync(join(upper, 'written'), 'utf8')).toBe('by the child');
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(bound);
  });

  it('is inert where the host sees it when asked to: a setuid program of an image that was mounted for people made its caller root', () => {
    const [source, lower, place] = folders('source', 'lower', 'place') as [string, string, string];
    linux.mknod(join(source, 'null'), constants.S_IFCHR | 0o666, 1, 3);
    const child = spawnSync(process.execPath, [join(import.meta.dirname, 'inert-child.ts'), source, lower, place], {
      encoding: 'utf8',
    });
    expect(child.stderr).toBe('');
    const inert = { device: 'EACCES', options: ['ro', 'nosuid', 'nodev'] };
    expect(JSON.parse(child.stdout)).toEqual([inert, inert]);
  });
});

it('makes a detached tree read-only, and leaves its source as it is', () => {
  const source = tempFolder();
  withMount([{ kind: 'bind', source, readOnly: false }], (fd) => {
    writeFileSync(`/proc/self/fd/${fd}/before`, '');
    linux.makeReadOnly(fd);
    expect(() => writeFileSync(`/proc/self/fd/${fd}/after`, '')).toThrow(expect.objectContaining({ code: 'EROFS' }));
    writeFileSync(join(source, 'after'), '');
    expect(seen(fd)).toEqual(['after', 'before']);
  });
});

it('makes a detached tree inert: its device nodes open nothing', () => {
  const source = tempFolder();
  linux.mknod(join(source, 'null'), constants.S_IFCHR | 0o666, 1, 3);
  withMount([{ kind: 'bind', source, readOnly: false }], (fd) => {
    closeSync(openSync(`/proc/self/fd/${fd}/null`, 'r'));
    linux.makeInert(fd);
    expect(() => openSync(`/proc/self/fd/${fd}/null`, 'r')).toThrow(expect.objectContaining({ code: 'EACCES' }));
  });
});

describe('cloneTree', () => {
  const mountTmpfs = (directory: string, ...options: readonly string[]): void => {
    mkdirSync(directory, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', ...options, 'slipway-test', directory]);
  };
  const clone = (source: string, options: Parameters<typeof linux.cloneTree>[1], look: (tree: string) => void): void => {
    const fd = openSync(source, O_PATH);
    try {
      const tree = linux.cloneTree(fd, options);
      try {
        expect(flagsOf(tree) & O_CLOEXEC).toBe(O_CLOEXEC);
        look(`/proc/self/fd/${tree}`);
      } finally {
        closeSync(tree);
      }
    } finally {
      closeSync(fd);
    }
  };

  it('takes what is mounted below with it, or not, and makes all of it read-only', () => {
    const top = tempFolder();
    mountTmpfs(join(top, 'below'));
    try {
      writeFileSync(join(top, 'below', 'file'), 'text');
      const write = (tree: string) => () => writeFileSync(`${tree}/below/new`, '');
      clone(top, { recursive: true, readOnly: false, propagation: 'private' }, (tree) => {
        expect(readFileSync(`${tree}/below/file`, 'utf8')).toBe('text');
        write(tree)();
      });
      clone(top, { recursive: true, readOnly: true, propagation: 'private' }, (tree) => {
        expect(readFileSync(`${tree}/below/file`, 'utf8')).toBe('text');
        expect(write(tree)).toThrow(expect.objectContaining({ code: 'EROFS' }));
      });
      clone(top, { recursive: false, readOnly: true, propagation: 'private' }, (tree) => {
        expect(readdirSync(`${tree}/below`)).toEqual([]);
        expect(write(tree)).toThrow(expect.objectContaining({ code: 'EROFS' }));
      });
      writeFileSync(join(top, 'below', 'still-writable'), '');
    } finally {
      linux.unmount(join(top, 'below'));
    }
  });

  it('takes one file', () => {
    const file = join(tempFolder(), 'a,b:c');
    writeFileSync(file, 'text');
    clone(file, { recursive: true, readOnly: true, propagation: 'private' }, (tree) => {
      expect(readFileSync(tree, 'utf8')).toBe('text');
      expect(() => writeFileSync(tree, '')).toThrow(expect.objectContaining({ code: 'EROFS' }));
    });
  });
});
