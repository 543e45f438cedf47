import type { MountSettings } from '@slipway/plugin-api';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseByteSize } from '../src/byte-size.js';
import { parseMountFlag, parseTmpfsFlag, parseVolumeFlag } from '../src/run/mount-grammar.js';

const cwd = '/home/me';

const volumeFlags: readonly (readonly [string, MountSettings])[] = [
  ['/data', { type: 'volume', target: '/data' }],
  ['v1:/data', { type: 'volume', volume: 'v1', target: '/data' }],
  ['v.1_a-b:/data:ro,nocopy', { type: 'volume', volume: 'v.1_a-b', target: '/data', readOnly: true, noCopy: true }],
  ['/a:/b', { type: 'bind', source: '/a', target: '/b', createSource: true }],
  ['./a:/b', { type: 'bind', source: '/home/me/a', target: '/b', createSource: true }],
  ['../a:/b', { type: 'bind', source: '/home/a', target: '/b', createSource: true }],
  ['.:/b', { type: 'bind', source: '/home/me', target: '/b', createSource: true }],
  ['..:/b', { type: 'bind', source: '/home', target: '/b', createSource: true }],
  ['/a,b:/c,d', { type: 'bind', source: '/a,b', target: '/c,d', createSource: true }],
  ['/a\\b\n:/c"d', { type: 'bind', source: '/a\\b\n', target: '/c"d', createSource: true }],
  ['/a:/b:ro', { type: 'bind', source: '/a', target: '/b', createSource: true, readOnly: true }],
  ['/a:/b:rw,z,cached', { type: 'bind', source: '/a', target: '/b', createSource: true }],
  ['/a:/b:rslave,ro', { type: 'bind', source: '/a', target: '/b', createSource: true, readOnly: true, propagation: 'rslave' }],
];

test.each(volumeFlags)('-v %j', (text, expected) => {
  expect(parseVolumeFlag(text, cwd)).toEqual(expected);
});

test.each([
  ['', 'empty field'],
  [':', 'empty field'],
  [':/b', 'empty field'],
  ['/a:', 'empty field'],
  ['/a:/b:', 'empty field'],
  ['v1', 'absolute path in the container'],
  ['/data:ro', 'absolute path in the container'],
  ['/a:b', 'absolute path in the container'],
  ['/a:/b:/c:ro', '4 fields'],
  ['C:\\a:/b', 'absolute path in the container'],
  ['a/b:/c', 'no name of a volume'],
  ['~/a:/c', 'no name of a volume'],
  ['-a:/c', 'no name of a volume'],
  ['.hidden:/c', 'absolute path on this host'],
  ['...:/c', 'absolute path on this host'],
  [`${'n'.repeat(129)}:/c`, 'no name of a volume'],
  ['v\n:/c', 'no name of a volume'],
  ['/a:/b:RO', 'option "RO"'],
  ['/a:/b:ro,', 'option ""'],
  ['/a:/b:ro,rw', 'both "ro" and "rw"'],
  ['/a:/b:ro,ro', 'both "ro" and "ro"'],
  ['/a:/b:z,Z', 'both "z" and "Z"'],
  ['/a:/b:rshared,rslave', 'both "rshared" and "rslave"'],
  ['/a:/b:nocopy', 'for volumes'],
  ['v1:/b:rshared', 'folders of this host'],
  ['/a:/b:suid', 'option "suid"'],
  ['/a:/b:__proto__', 'option "__proto__"'],
  ['/a\0:/b', 'NUL'],
  ['/a:/b\0', 'NUL'],
])('-v %j is refused: %s', (text, why) => {
  expect(() => parseVolumeFlag(text, cwd)).toThrow(why);
});

const mountFlags: readonly (readonly [string, MountSettings])[] = [
  ['type=bind,source=/a,target=/b', { type: 'bind', source: '/a', target: '/b' }],
  ['type=bind,src=./a,dst=/b,ro', { type: 'bind', source: '/home/me/a', target: '/b', readOnly: true }],
  ['TYPE=bind,Src=/a,destination=/b,readonly=false', { type: 'bind', source: '/a', target: '/b' }],
  ['type=bind,"source=/a,b",target=/b', { type: 'bind', source: '/a,b', target: '/b' }],
  ['type=bind,"source=/a""b:c\nd",target=/b=c', { type: 'bind', source: '/a"b:c\nd', target: '/b=c' }],
  ['"type=bind","source=/a\\","target=/b"', { type: 'bind', source: '/a\\', target: '/b' }],
  [
    'type=bind,src=/a,dst=/b,bind-propagation=rshared,bind-nonrecursive',
    { type: 'bind', source: '/a', target: '/b', propagation: 'rshared', nonRecursive: true },
  ],
  ['type=bind,src=/a,dst=/b,bind-recursive=disabled', { type: 'bind', source: '/a', target: '/b', nonRecursive: true }],
  ['type=bind,src=/a,dst=/b,ro,bind-recursive=readonly', { type: 'bind', source: '/a', target: '/b', readOnly: true }],
  ['type=bind,src=/a,dst=/b,consistency=cached', { type: 'bind', source: '/a', target: '/b' }],
  ['target=/b', { type: 'volume', target: '/b' }],
  [
    'src=v1,dst=/b,volume-nocopy,volume-subpath=a/../b,volume-driver=nas,volume-opt=type=tmpfs,"volume-opt=o=size=1m,mode=700",volume-label=a=b=c,volume-label=x',
    {
      type: 'volume',
      volume: 'v1',
      target: '/b',
      noCopy: true,
      subpath: 'a/../b',
      driver: 'nas',
      options: { type: 'tmpfs', o: 'size=1m,mode=700' },
      labels: { a: 'b=c', x: '' },
    },
  ],
  ['type=tmpfs,target=/t,tmpfs-size=64m,tmpfs-mode=0700', { type: 'tmpfs', target: '/t', size: 64 * 1024 * 1024, mode: 0o700 }],
];

test.each(mountFlags)('--mount %j', (text, expected) => {
  expect(parseMountFlag(text, cwd)).toEqual(expected);
});

test.each([
  ['', 'empty field'],
  ['type=bind', 'has no target'],
  ['type=bind,target=/b', 'has no source'],
  ['type=bind,source,target=/b', 'without a value'],
  ['type=bind,source=,target=/b', 'absolute path on this host'],
  ['type=bind,source=a,target=/b', 'absolute path on this host'],
  ['type=bind,source=/a,target=b', 'absolute path in the container'],
  ['type=bind,source=/a,target=/b,', 'empty field'],
  ['type=bind,source=/a,source=/c,target=/b', '"source" twice'],
  ['type=bind,source=/a,src=/c,target=/b', '"source" twice'],
  ['type=bind,source=/a,target=/b,volume-nocopy', '"volume-nocopy", which is not for type bind'],
  ['type=bind,source=/a,target=/b,tmpfs-size=1', 'not for type bind'],
  ['type=bind,source=/a,target=/b,readonly=yes', 'readonly=yes'],
  ['type=bind,source=/a,target=/b,bind-propagation=up', 'bind-propagation=up'],
  ['type=bind,source=/a,target=/b,bind-recursive=writable', 'bind-recursive=writable'],
  ['type=bind,source=/a,target=/b,bind-recursive=readonly', 'without readonly'],
  ['type=bind,source=/a,target=/b,suid', '"suid"'],
  ['type=bind,source=/a,target=/b,__proto__=1', '"__proto__"'],
  ['type=bind,"source=/a,target=/b', 'not closed'],
  ['type=bind,source="/a",target=/b', 'quote within'],
  ['type=bind,"source=/a"x,target=/b', 'closing quote'],
  ['type=bind,source=/a\n,target=/b', 'line break'],
  ['type=image,source=a,target=/b', '"image"'],
  ['type=volume,source=/a,target=/b', 'no name of a volume'],
  ['source=v,target=/b,volume-opt=a', 'volume-opt=NAME=VALUE'],
  ['source=v,target=/b,volume-opt=a=1,volume-opt=a=2', '"a" twice'],
  ['source=v,target=/b,volume-subpath=', 'empty volume-subpath'],
  ['type=tmpfs,target=/t,source=x', 'not for type tmpfs'],
  ['type=tmpfs,target=/t,tmpfs-size=0', 'above 0'],
  ['type=tmpfs,target=/t,tmpfs-size=50%', 'above 0'],
  ['type=tmpfs,target=/t,tmpfs-mode=8', 'octal'],
  ['type=tmpfs,target=/t,tmpfs-mode=17777', 'octal'],
])('--mount %j is refused: %s', (text, why) => {
  expect(() => parseMountFlag(text, cwd)).toThrow(why);
});

test.each([
  ['/run', { type: 'tmpfs', target: '/run' }],
  ['/run:size=64m,mode=1777', { type: 'tmpfs', target: '/run', size: 67_108_864, mode: 0o1777 }],
  ['/run:rw,nosuid,nodev,noexec', { type: 'tmpfs', target: '/run' }],
  ['/run:ro,exec', { type: 'tmpfs', target: '/run', readOnly: true, exec: true }],
] as const)('--tmpfs %j', (text, expected) => {
  expect(parseTmpfsFlag(text)).toEqual(expected);
});

test.each([
  ['', 'absolute path'],
  ['run', 'absolute path'],
  ['/run:', 'option ""'],
  ['/run:size', 'option "size"'],
  ['/run:size=', 'size='],
  ['/run:size=-1', 'size=-1'],
  ['/run:mode=rwx', 'octal'],
  ['/run:uid=1000', 'option "uid=1000"'],
  ['/run:suid', 'option "suid"'],
  ['/run:ro,rw', 'both "ro" and "rw"'],
  ['/run:exec,noexec', 'both "exec" and "noexec"'],
  ['/run:size=1m,size=2m', '"size" twice'],
  ['/run:ro=1', 'option "ro=1"'],
  ['/run:size=1m:mode=1', 'size=1m:mode=1'],
])('--tmpfs %j is refused: %s', (text, why) => {
  expect(() => parseTmpfsFlag(text)).toThrow(why);
});

test('sizes are binary, in any case', () => {
  expect(['0', '4096', '1b', '64m', '64M', '1kb', '1KiB', '1.5g', '2 t'].map(parseByteSize)).toEqual([
    ...[0, 4096, 1, 67_108_864, 67_108_864, 1024, 1024, 1_610_612_736, 2 * 1024 ** 4],
  ]);
  for (const text of ['', ' ', 'm', '-1', '1e3', '1.', '.5', '1x', '1mm', '9999999999p', '0x10', '1m '])
    expect(parseByteSize(text), text).toBeUndefined();
});

const oddText = fc.stringMatching(/^[/a-z:,="\\\n.~ %é\u{1f600}-]{0,24}$/u);

test('whatever is said is a mount of exactly what it says, or is refused', { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(oddText, (text) => {
      for (const parse of [parseVolumeFlag, parseMountFlag, parseTmpfsFlag]) {
        try {
          const mount = parse(text, cwd);
          expect(mount.target.startsWith('/')).toBe(true);
          expect(text.replaceAll('"', '')).toContain(mount.target.replaceAll('"', ''));
        } catch (error) {
          expect(error).toMatchObject({ kind: 'invalid-argument', code: 'MOUNT_FLAG_INVALID' });
        }
      }
    }),
    { numRuns: 3000 },
  );
});

test('any path goes through a quoted field of --mount as it is, and through -v when it has no colon', { timeout: 60_000 }, () => {
  const anyPath = fc.string({ unit: 'grapheme' }).map((text) => `/${text.replaceAll('\0', '')}`);
  const quoted = (field: string): string => `"${field.replaceAll('"', '""')}"`;
  fc.assert(
    fc.property(anyPath, anyPath, (source, target) => {
      const text = `type=bind,${quoted(`source=${source}`)},${quoted(`target=${target}`)}`;
      expect(parseMountFlag(text, cwd)).toEqual({ type: 'bind', source, target });
      const plain = [source, target].map((file) => file.replaceAll(':', ''));
      expect(parseVolumeFlag(plain.join(':'), cwd)).toMatchObject({ type: 'bind', source: plain[0], target: plain[1] });
    }),
    { numRuns: 2000 },
  );
});
