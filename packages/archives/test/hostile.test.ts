import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { archiveLimits, type ImageArchive, openArchive } from '@slipway/archives';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  dockerMembers,
  hexOf,
  imageOf,
  indexJson,
  layoutFile,
  layoutMembers,
  type Member,
  tarOf,
  writeFolder,
} from './made-archive.js';

const folder = mkdtempSync(path.join(tmpdir(), 'slipway-archives-'));
const spoolFolder = path.join(folder, 'spool');
const outside = path.join(folder, 'outside');
let made = 0;
beforeAll(() => writeFileSync(outside, 'a secret of the host'));
afterAll(() => rmSync(folder, { recursive: true }));

const image = await imageOf(['a', 'b']);
const layout = layoutMembers(image);
const [configFile, ...layerFiles] = dockerMembers(image);
const layerHex = image.layers.map(({ descriptor }) => hexOf(descriptor.digest));

function descriptorsOpen(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false;
    }
  }).length;
}

function fileOf(bytes: Buffer): string {
  const file = path.join(folder, `archive-${++made}`);
  writeFileSync(file, bytes);
  return file;
}

/** The error of opening it, and of reading all that it states; nothing is left open or on disk. */
async function failureOf(source: string): Promise<unknown> {
  let failure: unknown;
  try {
    await using archive: ImageArchive = await openArchive(source, {
      spoolFolder,
      limits: { ...archiveLimits, spooledBytes: 50_000_000 },
    });
    for (const { descriptor } of image.blobs) {
      await using file = await archive.open(descriptor.digest);
      if (file === undefined) throw Object.assign(new Error('content is missing'), { code: 'MISSING' });
    }
  } catch (error) {
    failure = error;
  }
  expect(descriptorsOpen()).toBe(0);
  try {
    expect(readdirSync(spoolFolder)).toEqual([]);
  } catch {
    // Nothing was spooled yet.
  }
  return failure;
}

const without = (name: string): Member[] => layout.filter((one) => !one.name.startsWith(name));
const raw = (edit: (header: Buffer) => unknown): Buffer => {
  const header = Buffer.alloc(512);
  header.write('x', 0);
  header.write('0000644\0', 100);
  header.write('00000000000\0', 124);
  header.write('00000000000\0', 136);
  header.write('0', 156);
  header.write('ustar\x0000', 257, 'latin1');
  edit(header);
  header.fill(' ', 148, 156);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
    'latin1',
  );
  return header;
};

describe('a tar file', () => {
  const docker = (layers: readonly Member[], names = layers.map(({ name }) => name)): Member[] => [
    ...layers,
    configFile as Member,
    { name: 'manifest.json', body: JSON.stringify([{ Config: configFile?.name, RepoTags: ['app:1'], Layers: names }]) },
  ];
  const second = layerFiles[1] as Member;

  test.each<[string, string, () => Promise<Buffer>]>([
    ['with a name that leads out', 'ARCHIVE_NAME_INVALID', () => tarOf([...layout, { name: '../evil', body: 'x' }])],
    [
      'with a name that leads out in its middle',
      'ARCHIVE_NAME_INVALID',
      () => tarOf([...layout, { name: 'blobs/../../evil', body: 'x' }]),
    ],
    ['with an absolute name', 'ARCHIVE_NAME_INVALID', () => tarOf([...layout, { name: '/etc/evil', body: 'x' }])],
    [
      'with a layer that is an absolute link',
      'ARCHIVE_NAME_INVALID',
      () => tarOf(docker([{ name: 'l.tar', type: 'symlink', linkname: outside }, second])),
    ],
    [
      'with a layer that is a link out',
      'ARCHIVE_NAME_INVALID',
      () => tarOf(docker([{ name: 'd/l.tar', type: 'symlink', linkname: '../../../outside' }, second])),
    ],
    [
      'with a layer that is a link to itself',
      'ARCHIVE_NAME_INVALID',
      () => tarOf(docker([{ name: 'l.tar', type: 'symlink', linkname: 'l.tar' }, second])),
    ],
    [
      'whose manifest.json names a layer out of it',
      'ARCHIVE_NAME_INVALID',
      () => tarOf(docker([layerFiles[0] as Member, second], ['../../outside', second.name])),
    ],
    [
      'whose layer is missing',
      'ARCHIVE_INVALID',
      () => tarOf(docker([layerFiles[0] as Member, second], ['none.tar', second.name])),
    ],
    ['with fewer layers than diff IDs', 'ARCHIVE_INVALID', () => tarOf(docker([second]))],
    ['whose manifest.json is no list', 'ARCHIVE_INVALID', () => tarOf([{ name: 'manifest.json', body: '{"Config":"x"}' }])],
    ['whose manifest.json is no JSON', 'ARCHIVE_INVALID', () => tarOf([{ name: 'manifest.json', body: '[' }])],
    [
      'whose RepoTags are numbers',
      'ARCHIVE_INVALID',
      () => tarOf([{ name: 'manifest.json', body: '[{"Config":"x","RepoTags":[1]}]' }]),
    ],
    [
      'that lists 100,000 layers',
      'ARCHIVE_TOO_LARGE',
      () => {
        const image = { Config: 'c', Layers: Array.from({ length: 1000 }, () => '') };
        return tarOf([{ name: 'manifest.json', body: JSON.stringify(Array.from({ length: 100 }, () => image)) }]);
      },
    ],
    [
      'whose config is none',
      'ARCHIVE_INVALID',
      () =>
        tarOf([
          { name: 'c', body: '{}' },
          { name: 'manifest.json', body: '[{"Config":"c","Layers":[]}]' },
        ]),
    ],
    ['without oci-layout', 'ARCHIVE_FORMAT_UNKNOWN', () => tarOf(without('oci-layout'))],
    ['without index.json', 'ARCHIVE_INVALID', () => tarOf(without('index.json'))],
    [
      'of a later layout',
      'ARCHIVE_FORMAT_UNSUPPORTED',
      () => tarOf([{ name: 'oci-layout', body: '{"imageLayoutVersion":"2.0.0"}' }]),
    ],
    [
      'whose index is a manifest too',
      'ARCHIVE_INVALID',
      () => tarOf([layoutFile, { name: 'index.json', body: '{"schemaVersion":2,"manifests":[],"layers":[],"config":{}}' }]),
    ],
    [
      'whose index has a digest that is a path',
      'ARCHIVE_INVALID',
      () =>
        tarOf([
          layoutFile,
          { name: 'index.json', body: indexJson([[{ mediaType: 'a/b', digest: 'sha256:../../outside', size: 3 }]]) },
        ]),
    ],
    [
      'whose index is over 4 MiB',
      'ARCHIVE_TOO_LARGE',
      () => tarOf([layoutFile, { name: 'index.json', body: Buffer.alloc(4_200_000, ' ') }]),
    ],
    [
      'with two members of one name',
      'ARCHIVE_INVALID',
      () => tarOf([...layout, { name: './index.json', body: '{"schemaVersion":2,"manifests":[]}' }]),
    ],
    ['with a FIFO', 'ARCHIVE_INVALID', () => tarOf([...layout, { name: 'pipe', type: 'fifo' }])],
    [
      'with a device',
      'ARCHIVE_INVALID',
      () => tarOf([...layout, { name: 'disk', type: 'block-device', devmajor: 8, devminor: 0 }]),
    ],
    [
      'with a sparse member of PAX',
      'ARCHIVE_FORMAT_UNSUPPORTED',
      () => tarOf([...layout, { name: 'x', body: 'x', pax: { 'GNU.sparse.major': '1' } }]),
    ],
    ['with a sparse member of GNU', 'ARCHIVE_FORMAT_UNSUPPORTED', async () => raw((header) => header.write('S', 156))],
    [
      'with a member that is larger than the file',
      'ARCHIVE_DAMAGED',
      async () => raw((header) => header.write('77777777777\0', 124)),
    ],
    ['with a negative size', 'ARCHIVE_INVALID', async () => raw((header) => header.fill(0xff, 124, 136))],
    [
      'with a PAX header of a gigabyte',
      'ARCHIVE_DAMAGED',
      async () => raw((header) => header.write('x', 156) + header.write('07777777777\0', 124)),
    ],
    ['that is cut inside a header', 'ARCHIVE_DAMAGED', async () => (await tarOf(layout)).subarray(0, 1300)],
    ['that is none', 'ARCHIVE_FORMAT_UNKNOWN', async () => Buffer.alloc(2000, 'x')],
    ['that is a letter', 'ARCHIVE_FORMAT_UNKNOWN', async () => Buffer.from('dear')],
    ['that is empty', 'ARCHIVE_FORMAT_UNKNOWN', async () => Buffer.alloc(0)],
    ['of zeros', 'ARCHIVE_FORMAT_UNKNOWN', async () => Buffer.alloc(1 << 20)],
    ['without its blobs', 'MISSING', () => tarOf(without('blobs'))],
    ['compressed with bzip2', 'ARCHIVE_FORMAT_UNSUPPORTED', async () => Buffer.from('BZh91AY&SY')],
    ['compressed with xz', 'ARCHIVE_FORMAT_UNSUPPORTED', async () => Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 1, 2])],
    ['whose gzip is cut', 'ARCHIVE_DAMAGED', async () => gzipSync(await tarOf(layout)).subarray(0, 200)],
    ['that unpacks to more than there may be', 'ARCHIVE_TOO_LARGE', async () => gzipSync(Buffer.alloc(60_000_000))],
  ])('%s is %s', async (_, code, bytes) => {
    expect(await failureOf(fileOf(await bytes()))).toMatchObject({ code });
  });

  test('of 100,000 members is over the limit, and is not read to its end', async () => {
    const header = Buffer.concat(Array.from({ length: 100_000 }, (_, at) => raw((block) => block.write(`m${at}`, 0))));
    expect(await failureOf(fileOf(header))).toMatchObject({ code: 'ARCHIVE_TOO_LARGE', kind: 'resource-exhausted' });
  });

  test('of a few members with the longest names is read, and of so many that they would fill memory is not', async () => {
    const named = (count: number): Promise<Buffer> =>
      tarOf([
        ...layout,
        ...Array.from({ length: count }, (_, at) => ({
          name: `l${at}`,
          type: 'symlink' as const,
          pax: { path: `${at}/`.padEnd(30_000, 'n'), linkpath: 'l'.repeat(30_000) },
        })),
      ]);
    expect(await failureOf(fileOf(await named(200)))).toBeUndefined();
    expect(await failureOf(fileOf(gzipSync(await named(300))))).toMatchObject({ code: 'ARCHIVE_TOO_LARGE' });
  });

  test('of many gigabytes of nothing costs what its headers cost', async () => {
    const head = raw((header) => header.write('77777770000\0', 124));
    const file = fileOf(Buffer.concat([head]));
    truncateSync(file, 512 + 0o77777770000 + 1024);
    expect(await failureOf(file)).toMatchObject({ code: 'ARCHIVE_FORMAT_UNKNOWN' });
  });
});

describe('a folder', () => {
  const folderOf = (members: readonly Member[]): string => writeFolder(path.join(folder, `layout-${++made}`), members);

  test('whose blobs are links out shows nothing of what is there', async () => {
    for (const target of [outside, '../../../outside']) {
      const at = folderOf(without(`blobs/sha256/${layerHex[0]}`));
      symlinkSync(target, path.join(at, `blobs/sha256/${layerHex[0]}`));
      expect(await failureOf(at)).toMatchObject({ code: 'MISSING' });
    }
    const at = folderOf(without('blobs'));
    symlinkSync(path.dirname(outside), path.join(at, 'blobs'));
    mkdirSync(path.join(folder, 'sha256'), { recursive: true });
    writeFileSync(path.join(folder, 'sha256', layerHex[0] ?? ''), 'x');
    expect(await failureOf(at)).toMatchObject({ code: 'MISSING' });
  });

  test('whose blobs are links inside it is read', async () => {
    const at = folderOf(without(`blobs/sha256/${layerHex[0]}`));
    writeFileSync(path.join(at, 'elsewhere'), image.layers[0]?.bytes ?? '');
    symlinkSync('/elsewhere', path.join(at, `blobs/sha256/${layerHex[0]}`));
    expect(await failureOf(at)).toBeUndefined();
  });

  test('whose index is a FIFO, a folder or 10 GiB is refused at once', async () => {
    const fifo = folderOf(without('index.json'));
    execFileSync('mkfifo', [path.join(fifo, 'index.json')]);
    expect(await failureOf(fifo)).toMatchObject({ code: 'ARCHIVE_INVALID' });
    const directory = folderOf(without('index.json'));
    mkdirSync(path.join(directory, 'index.json'));
    expect(await failureOf(directory)).toMatchObject({ code: 'ARCHIVE_INVALID' });
    const large = folderOf(layout);
    truncateSync(path.join(large, 'index.json'), 10 * 2 ** 30);
    expect(await failureOf(large)).toMatchObject({ code: 'ARCHIVE_TOO_LARGE' });
  });

  test('without oci-layout is none', async () => {
    expect(await failureOf(folderOf(without('oci-layout')))).toMatchObject({ code: 'ARCHIVE_FORMAT_UNKNOWN' });
  });
});

test('a path that leads to no file is refused, and waits for nobody', async () => {
  const fifo = path.join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  expect(await failureOf(fifo)).toMatchObject({ code: 'ARCHIVE_FORMAT_UNKNOWN' });
  expect(await failureOf('/dev/zero')).toMatchObject({ code: 'ARCHIVE_FORMAT_UNKNOWN' });
  expect(await failureOf(path.join(folder, 'none'))).toMatchObject({ code: 'ARCHIVE_NOT_FOUND', kind: 'not-found' });
});
