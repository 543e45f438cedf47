import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WatchedPlace } from './refusal.ts';

let watched: WatchedPlace;

beforeAll(async () => {
  watched = await WatchedPlace.open();
});

afterAll(() => watched?.[Symbol.asyncDispose]());

describe('references', () => {
  it.each([
    ['nothing', '', 'REFERENCE_INVALID', 'empty'],
    ['upper case', 'example.com/Upper', 'REFERENCE_INVALID', 'Upper'],
    ['a URL', 'https://example.com/image', 'REFERENCE_INVALID', 'https://example.com/image'],
    ['an empty tag', 'image:', 'REFERENCE_INVALID', 'tag'],
    ['a tag with a space', 'image:a b', 'REFERENCE_INVALID', 'a b'],
    ['a tag of 129 characters', `image:${'t'.repeat(129)}`, 'REFERENCE_INVALID', '129'],
    ['a path upwards', 'example.com/../../etc', 'REFERENCE_INVALID', '..'],
    ['an empty part', 'example.com/a//b', 'REFERENCE_INVALID', 'a//b'],
    ['a port of letters', 'example.com:port/image', 'REFERENCE_INVALID', 'port'],
    ['a port over 65535', 'example.com:70000/image', 'REFERENCE_INVALID', '70000'],
    ['an empty digest', 'image@', 'REFERENCE_INVALID', 'digest'],
    ['a digest that is too short', 'image@sha256:abcd', 'DIGEST_INVALID', 'sha256:abcd'],
    ['a digest of MD5', 'image@md5:d41d8cd98f00b204e9800998ecf8427e', 'DIGEST_INVALID', 'md5'],
    ['64 hexadecimal digits', 'a'.repeat(64), 'REFERENCE_INVALID', 'aaaa'],
    ['a terminal escape', 'image\u001b[31m', 'REFERENCE_INVALID', '\\u{1b}[31m'],
    ['a line break', 'image\nother', 'REFERENCE_INVALID', '\\u{a}'],
    ['2,000 characters', 'a'.repeat(2000), 'REFERENCE_INVALID', '2000'],
  ])('%s', (_what, reference, code, name) =>
    watched.refuses(['pull', reference], { kind: 'invalid-argument', code, names: [name] }),
  );

  it.each(['x', 'linux', 'linux/amd64/v1/more', 'linux/../x'])('a platform %s', (platform) =>
    watched.refuses(['pull', '--platform', platform, 'image'], {
      kind: 'invalid-argument',
      code: 'PLATFORM_INVALID',
      names: [platform],
    }),
  );
});

describe('ids of containers', () => {
  const hostile = ['../x', 'a/b', '', '.', '..', '.hidden', 'x'.repeat(300), 'a\nb', 'a b', '--flag', '\u001b[31m', 'ü'];

  it.each(hostile)('%j', (id) =>
    watched.refuses(['run', '--rm', '--pull', 'never', `--name=${id}`, 'absent', 'true'], {
      kind: 'invalid-argument',
      code: 'CONTAINER_ID_INVALID',
      names: ['Container name', id.includes('/') ? id : ''],
    }),
  );

  it('a NUL, which only a program can give', async () => {
    await using engine = await watched.place.open();
    const before = await watched.look();
    await expect(engine.run({ image: 'absent', name: 'a\0b', pull: 'never' })).rejects.toMatchObject({
      kind: 'invalid-argument',
      code: 'CONTAINER_ID_INVALID',
      message: expect.stringContaining('\\u0000'),
    });
    expect(await watched.look()).toEqual(before);
  });
});
