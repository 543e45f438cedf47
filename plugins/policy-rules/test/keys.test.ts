import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cosignSignature } from '@slipway/plugin-testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outcomeOf, type RulesPlace, rulesPlace } from './open-rules.js';
import { SignedImages, testKey, writeKey } from './signed-images.js';

const images = new SignedImages();
const key = testKey();
let place: RulesPlace;
beforeEach(() => {
  place = rulesPlace();
});
afterEach(() => place[Symbol.dispose]());

/** What comes of a signed image with this key file. */
async function withKey(file: string): Promise<string> {
  const image = images.image();
  const { target, bare: name } = image;
  images.put(image.repository, target, cosignSignature({ target, name, privateKey: key.privateKey }));
  const policy = await place.open({ rules: [{ match: 'memory.test/**', action: 'signed', keys: [file] }] });
  return outcomeOf(policy, image);
}

const pem = (type: 'spki' | 'pkcs1', publicKey: ReturnType<typeof generateKeyPairSync>['publicKey']): string =>
  (publicKey as unknown as { export(options: object): string }).export({ type, format: 'pem' });

describe('a key file', () => {
  it('may end as text files end', async () => {
    expect(await withKey(writeKey(place.folder, 'key.pub', `\n${key.pem}\n\n`))).toBe('allowed');
    expect(await withKey(writeKey(place.folder, 'dos.pub', key.pem.replaceAll('\n', '\r\n')))).toBe('allowed');
  });

  it('must be one public key', async () => {
    const privatePem = key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const texts = [
      '',
      'ssh-ed25519 AAAA',
      privatePem,
      `${key.pem}${key.pem}`,
      `${key.pem}${privatePem}`,
      '-----BEGIN PUBLIC KEY-----',
    ];
    for (const text of texts) expect(await withKey(writeKey(place.folder, 'key.pub', text)), text).toContain('RULES_KEY_INVALID');
    const damaged = key.pem.replace('MFkw', 'MFkx');
    expect(await withKey(writeKey(place.folder, 'key.pub', damaged))).toContain('RULES_KEY_INVALID');
  });

  it('must be of a kind that is strong enough, and known', async () => {
    const weak = pem('spki', generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey);
    const curve = pem('spki', generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey);
    const exchange = pem('spki', generateKeyPairSync('x25519').publicKey);
    expect(await withKey(writeKey(place.folder, 'key.pub', weak))).toContain('of a kind that is not taken: rsa, 1024 bits');
    expect(await withKey(writeKey(place.folder, 'key.pub', curve))).toContain('ec, secp256k1');
    expect(await withKey(writeKey(place.folder, 'key.pub', exchange))).toContain('x25519');
  });

  it('must be there, a file, and small', async () => {
    expect(await withKey(join(place.folder, 'none.pub'))).toContain('SYSTEM_ENOENT');
    mkdirSync(join(place.folder, 'folder.pub'));
    expect(await withKey(join(place.folder, 'folder.pub'))).toContain('is no regular file');
    expect(await withKey(writeKey(place.folder, 'large.pub', key.pem + ' '.repeat(20_000)))).toContain(
      'has more than 16384 bytes',
    );
    expect(await withKey('/dev/zero')).toMatch(/is no regular file|others than root can change/);
  });

  it('must be nobody else’s to change, with all that leads to it', async () => {
    const writable = writeKey(place.folder, 'writable.pub', key.pem);
    chmodSync(writable, 0o664);
    expect(await withKey(writable)).toContain(`RULES_KEY_UNTRUSTED: key "${writable}" has mode 0664`);

    const foreign = writeKey(place.folder, 'foreign.pub', key.pem);
    chownSync(foreign, 12345, 0);
    expect(await withKey(foreign)).toContain('is owned by user 12345, expected root');

    const open = join(place.folder, 'open');
    const inOpen = writeKey(open, 'key.pub', key.pem);
    chmodSync(open, 0o777);
    expect(await withKey(inOpen)).toContain(`key "${open}" has mode 0777`);
    const link = join(place.folder, 'link.pub');
    symlinkSync(inOpen, link);
    expect(await withKey(link)).toContain(`key "${open}" has mode 0777`);

    const good = writeKey(place.folder, 'good.pub', key.pem);
    const throughOpen = join(open, 'link.pub');
    symlinkSync(good, throughOpen);
    expect(await withKey(throughOpen)).toContain(`key "${open}" has mode 0777`);
    const fine = join(place.folder, 'fine.pub');
    symlinkSync('good.pub', fine);
    expect(await withKey(fine)).toBe('allowed');
    const circle = join(place.folder, 'circle.pub');
    symlinkSync('circle.pub', circle);
    expect(await withKey(circle)).toContain('SYSTEM_ELOOP');
  });

  it('is read anew at each check', async () => {
    const file = writeKey(place.folder, 'key.pub', testKey().pem);
    const image = images.image();
    const { target, bare: name } = image;
    images.put(image.repository, target, cosignSignature({ target, name, privateKey: key.privateKey }));
    const policy = await place.open({ rules: [{ match: 'memory.test/**', action: 'signed', keys: [file] }] });
    expect(await outcomeOf(policy, image)).toContain('is by none of the keys');
    writeFileSync(file, key.pem);
    expect(await outcomeOf(policy, image)).toBe('allowed');
    writeFileSync(file, testKey().pem);
    expect(await outcomeOf(policy, image)).toContain('is by none of the keys');
  });

  it('is no matter of rules that are for other images', async () => {
    const policy = await place.open({
      rules: [
        { match: 'memory.test/other/*', action: 'signed', keys: ['/nowhere/key.pub'] },
        { match: '**', action: 'allow' },
      ],
    });
    expect(await outcomeOf(policy, images.image())).toBe('allowed');
  });
});
