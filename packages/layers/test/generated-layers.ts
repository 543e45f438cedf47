import fc from 'fast-check';
import type { EntryOptions } from './tar-builder.js';

// Few names, so that entries meet each other.
const name = fc.constantFrom('a', 'b', 'c');
export const plainPath = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const anyPath = fc.oneof(
  { weight: 6, arbitrary: plainPath },
  { weight: 1, arbitrary: fc.tuple(plainPath, plainPath).map(([one, two]) => `${one}/../${two}`) },
  { weight: 1, arbitrary: plainPath.map((path) => `/../${path}`) },
);
const attributes = fc.record({
  mode: fc.constantFrom(0o755, 0o700, 0o644, 0o2775, 0o4711, 0),
  uid: fc.constantFrom(0, 1000),
  gid: fc.constantFrom(0, 50),
  mtime: fc.integer({ min: -10, max: 1000 }),
  xattr: fc.constantFrom('', '1'),
});

const part: fc.Arbitrary<EntryOptions> = fc
  .tuple(
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc
          .record({ path: anyPath, body: fc.string({ maxLength: 5 }) })
          .map(({ path, body }) => ({ name: path, body })),
      },
      { weight: 5, arbitrary: anyPath.map((path) => ({ name: `${path}/`, type: '5' })) },
      {
        weight: 2,
        arbitrary: fc
          .tuple(
            plainPath,
            fc.oneof(
              plainPath,
              plainPath.map((path) => `/${path}`),
              plainPath.map((path) => `../${path}`),
            ),
          )
          .map(([path, link]) => ({ name: path, type: '2', link })),
      },
      { weight: 2, arbitrary: fc.tuple(plainPath, anyPath).map(([path, link]) => ({ name: path, type: '1', link })) },
      { weight: 4, arbitrary: anyPath.map((path) => ({ name: path.replace(/([^/]+)$/, '.wh.$1') })) },
      { weight: 1, arbitrary: plainPath.map((path) => ({ name: `${path}/.wh..wh..opq` })) },
      { weight: 1, arbitrary: fc.constant({ name: '.wh..wh..opq' }) },
      { weight: 1, arbitrary: fc.constant({ name: './', type: '5' }) },
      { weight: 1, arbitrary: plainPath.map((path) => ({ name: path, type: '6' })) },
    ),
    attributes,
  )
  .map(([entry, { xattr, ...rest }]) => ({
    ...entry,
    ...rest,
    ...(xattr === '' ? {} : { pax: { 'SCHILY.xattr.trusted.x': xattr } }),
  }));

/** Stacks of layers as lists of their entries: every type, and every way in which entries can meet. */
export const layers = fc.array(fc.array(part, { maxLength: 12 }), { minLength: 1, maxLength: 4 });

/** A default access control list, which new content of a directory gets when nobody takes it away: owner rwx, group r-x, others nothing. */
const acl = Buffer.from('02000000' + '01000700ffffffff' + '04000500ffffffff' + '20000000ffffffff', 'hex');
const withAcl = { 'SCHILY.xattr.system.posix_acl_default': acl };

const listedDirectory: fc.Arbitrary<EntryOptions> = fc
  .tuple(plainPath, attributes, fc.boolean())
  .map(([path, { xattr: _, ...rest }, hasAcl]) => ({
    name: `${path}/`,
    type: '5',
    ...rest,
    ...(hasAcl ? { pax: withAcl } : {}),
  }));

const orderlyPart: fc.Arbitrary<EntryOptions> = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(plainPath, fc.string({ maxLength: 3 })).map(([path, body]) => ({ name: path, body })) },
  { weight: 6, arbitrary: listedDirectory },
  { weight: 1, arbitrary: fc.tuple(plainPath, plainPath).map(([path, link]) => ({ name: path, type: '2', link: `/${link}` })) },
  { weight: 4, arbitrary: plainPath.map((path) => ({ name: path.replace(/([^/]+)$/, '.wh.$1') })) },
  { weight: 2, arbitrary: plainPath.map((path) => ({ name: `${path}/.wh..wh..opq` })) },
  { weight: 1, arbitrary: fc.constant({ name: './', type: '5', mode: 0o2711, pax: withAcl }) },
);

/** Nearly all of them can be applied, so that the stacks get high. A file may get a second name at the end of its layer. */
const orderlyLayer = fc
  .tuple(fc.array(orderlyPart, { minLength: 1, maxLength: 12 }), plainPath, fc.boolean())
  .map(([parts, path, isLinked]) => {
    const last = parts.at(-1);
    return isLinked && last?.body !== undefined ? [...parts, { name: `${path}l`, type: '1', link: last.name }] : parts;
  });

export const orderlyLayers = fc.array(orderlyLayer, { minLength: 2, maxLength: 6 });
