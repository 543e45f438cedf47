import { directory, type Expected, file, type LayerCase, symlink } from './layer-case.js';

const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
const bytes = Buffer.from([0, 0xff, 0x0a, 0x3d, 0]);
/** One entry for the owner, group and others, as posix_acl(5) is stored: version 2, then tag, permissions, id. */
const acl = Buffer.from('0200000001000700ffffffff04000500ffffffff20000500ffffffff', 'hex');
const modes = [0o777, 0o666, 0o022, 0o1777, 0o7777, 0] as const;
const ns = (seconds: number): bigint => BigInt(seconds) * 1_000_000_000n;
const fifo = (mode: string): Expected => directory({ type: 'fifo', mode });

/** Mode, owner, times and extended attributes, exact. */
export const attributeCases: readonly LayerCase[] = [
  {
    name: 'attributes of the root',
    layers: [[{ name: './', type: '5', mode: 0o711, uid: 1, gid: 2, mtime: 3 }]],
    adds: { '.': directory({ mode: '711', owner: '1:2', mtime: ns(3) }) },
  },
  {
    name: 'a directory keeps its time when children follow, and mode 000 gets its children',
    layers: [
      [
        { name: 'd/', type: '5', mode: 0, mtime: 5 },
        { name: 'd/e/', type: '5', mode: 0, mtime: 6 },
        { name: 'd/e/f', body: 'f' },
      ],
    ],
    adds: { d: directory({ mode: '0', mtime: ns(5) }), 'd/e': directory({ mode: '0', mtime: ns(6) }), 'd/e/f': file('f') },
  },
  {
    name: 'setuid and setgid survive the change of owner',
    layers: [
      [
        { name: 'suid', mode: 0o4755, uid: 1000, body: 'x' },
        { name: 'sgid', mode: 0o2711, gid: 1000, body: 'x' },
      ],
    ],
    adds: { suid: file('x', { mode: '4755', owner: '1000:0' }), sgid: file('x', { mode: '2711', owner: '0:1000' }) },
  },
  {
    name: 'a capability survives the change of owner',
    layers: [[{ name: 'cap', mode: 0o755, uid: 1000, body: 'x', pax: { 'SCHILY.xattr.security.capability': capability } }]],
    adds: { cap: file('x', { mode: '755', owner: '1000:0', xattrs: { 'security.capability': capability.toString('latin1') } }) },
  },
  {
    name: 'a symbolic link has its own owner and time',
    layers: [[{ name: 'link', type: '2', link: 'nowhere', uid: 12, gid: 13, mtime: 14 }]],
    adds: { link: symlink('nowhere', { owner: '12:13', mtime: ns(14) }) },
  },
  {
    name: 'every permission bit comes through the umask',
    layers: [
      modes.flatMap((mode) => [
        { name: `f${mode}`, mode },
        { name: `d${mode}/`, type: '5', mode },
        { name: `p${mode}`, type: '6', mode },
      ]),
    ],
    adds: Object.fromEntries(
      modes.flatMap((mode) => {
        const text = mode.toString(8);
        return [
          [`f${mode}`, file('', { mode: text })],
          [`d${mode}`, directory({ mode: text })],
          [`p${mode}`, fifo(text)],
        ];
      }),
    ),
  },
  {
    name: 'setgid directories and default access control lists pass nothing on',
    layers: [
      [
        { name: 'sg/', type: '5', mode: 0o2775, gid: 50 },
        { name: 'sg/f', mode: 0o666 },
        { name: 'sg/d/', type: '5', mode: 0o777 },
        { name: 'acl/', type: '5', pax: { 'SCHILY.xattr.system.posix_acl_default': acl } },
      ],
      [
        { name: 'acl/f', mode: 0o666 },
        { name: 'acl/d/', type: '5', mode: 0o777 },
        { name: 'sg/p', type: '6', mode: 0o666 },
      ],
    ],
    adds: {
      sg: directory({ mode: '2775', owner: '0:50' }),
      'sg/f': file('', { mode: '666' }),
      'sg/d': directory({ mode: '777' }),
      'sg/p': fifo('666'),
      acl: directory({ xattrs: { 'system.posix_acl_default': acl.toString('latin1') } }),
      'acl/f': file('', { mode: '666' }),
      'acl/d': directory({ mode: '777' }),
    },
  },
  {
    name: 'large owners are exact',
    layers: [
      [
        { name: 'owner', pax: { uid: '3000000', gid: '4000000' } },
        { name: 'base256', uid: 2 ** 31, gid: 2 ** 32 - 2, format: 'gnu' },
      ],
    ],
    adds: { owner: file('', { owner: '3000000:4000000' }), base256: file('', { owner: `${2 ** 31}:${2 ** 32 - 2}` }) },
  },
  {
    name: 'times are exact: fractions, before 1970, after 2106',
    layers: [
      [
        { name: 'fraction', pax: { mtime: '1234567890.123456789' } },
        { name: 'half', pax: { mtime: '1.5' } },
        { name: 'old', pax: { mtime: '-1.25' } },
        { name: 'older/', type: '5', pax: { mtime: '-3' } },
        { name: 'base256', mtime: -5, format: 'gnu' },
        { name: 'new', pax: { mtime: '4294967296.000000001' } },
      ],
    ],
    adds: {
      fraction: file('', { mtime: 1_234_567_890_123_456_789n }),
      half: file('', { mtime: 1_500_000_000n }),
      old: file('', { mtime: -1_250_000_000n }),
      older: directory({ mtime: ns(-3) }),
      base256: file('', { mtime: ns(-5) }),
      new: file('', { mtime: 4_294_967_296_000_000_001n }),
    },
  },
  {
    name: 'extended attributes are exact, also of links',
    layers: [
      [
        { name: 'x', pax: { 'SCHILY.xattr.user.bin': bytes, 'SCHILY.xattr.user.empty': '' } },
        { name: 'l', type: '2', link: 'x', pax: { 'SCHILY.xattr.trusted.t': 'link' } },
        { name: 'd/', type: '5', pax: { 'SCHILY.xattr.user.d': 'd' } },
      ],
    ],
    adds: {
      x: file('', { xattrs: { 'user.bin': bytes.toString('latin1'), 'user.empty': '' } }),
      l: symlink('x', { xattrs: { 'trusted.t': 'link' } }),
      d: directory({ xattrs: { 'user.d': 'd' } }),
    },
  },
  {
    name: 'attributes of overlayfs from an image are dropped',
    layers: [
      [
        { name: 'x', pax: { 'SCHILY.xattr.trusted.overlay.redirect': '/slipway-laws', 'SCHILY.xattr.user.own': 'o' } },
        { name: 'slipway-laws/', type: '5', pax: { 'SCHILY.xattr.trusted.overlay.opaque': 'y' } },
      ],
    ],
    adds: { x: file('', { xattrs: { 'user.own': 'o' } }), 'slipway-laws': directory() },
  },
];
