import { compatiblePlatforms, formatPlatform, hostPlatform, mediaTypes, parsePlatform, selectManifests } from '@slipway/oci';
import type { Descriptor, ImageIndex, Platform } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';

let counter = 0;
function manifestFor(platform: Platform | undefined, more: Partial<Descriptor> = {}): Descriptor {
  counter += 1;
  return {
    mediaType: mediaTypes.ociManifest,
    digest: `sha256:${counter.toString(16).padStart(64, '0')}`,
    size: 1,
    ...(platform === undefined ? {} : { platform }),
    ...more,
  };
}

const indexOf = (...manifests: Descriptor[]): ImageIndex => ({ schemaVersion: 2, manifests });
const shown = (descriptors: readonly Descriptor[]): string[] =>
  descriptors.map((d) => (d.platform ? formatPlatform(d.platform) : '?'));

describe('platforms', () => {
  it('are read and written', () => {
    expect(formatPlatform(parsePlatform('linux/arm64/v8'))).toBe('linux/arm64');
    expect(formatPlatform(parsePlatform('Linux/aarch64'))).toBe('linux/arm64');
    expect(formatPlatform(parsePlatform('linux/x86_64'))).toBe('linux/amd64');
    expect(formatPlatform(parsePlatform('linux/arm'))).toBe('linux/arm/v7');
    expect(formatPlatform(parsePlatform('linux/arm/6'))).toBe('linux/arm/v6');
    expect(formatPlatform(parsePlatform('linux/riscv64'))).toBe('linux/riscv64');
    expect(hostPlatform().os).toBe(process.platform);
    expect(parsePlatform(formatPlatform(hostPlatform()))).toEqual(hostPlatform());
  });

  it.each(['', 'linux', 'linux/', '/amd64', 'linux/amd64/', 'linux/amd64/v2/x', 'linux/a b', 'linux/../x', 'linux/amd64\n'])(
    'refuses %j',
    (text) => {
      expect(() => parsePlatform(text)).toThrow(expect.objectContaining({ kind: 'invalid-argument', code: 'PLATFORM_INVALID' }));
    },
  );

  it.each([
    ['linux/amd64', ['linux/amd64', 'linux/386']],
    ['linux/amd64/v3', ['linux/amd64/v3', 'linux/amd64/v2', 'linux/amd64', 'linux/386']],
    ['linux/386', ['linux/386']],
    ['linux/arm/v7', ['linux/arm/v7', 'linux/arm/v6', 'linux/arm/v5']],
    ['linux/arm/v5', ['linux/arm/v5']],
    ['linux/arm64', ['linux/arm64', 'linux/arm/v8', 'linux/arm/v7', 'linux/arm/v6', 'linux/arm/v5']],
    ['linux/arm64/v8.1', ['linux/arm64/v8.1', 'linux/arm64', 'linux/arm/v8', 'linux/arm/v7', 'linux/arm/v6', 'linux/arm/v5']],
    [
      'linux/arm64/v9',
      [
        ...['linux/arm64/v9', 'linux/arm64/v8.5', 'linux/arm64/v8.4', 'linux/arm64/v8.3', 'linux/arm64/v8.2', 'linux/arm64/v8.1'],
        ...['linux/arm64', 'linux/arm/v8', 'linux/arm/v7', 'linux/arm/v6', 'linux/arm/v5'],
      ],
    ],
    ['linux/s390x', ['linux/s390x']],
  ])('%s falls back as containerd does', (text, expected) => {
    expect(compatiblePlatforms(parsePlatform(text)).map(formatPlatform)).toEqual(expected);
  });
});

describe('selectManifests', () => {
  const amd64: Platform = { os: 'linux', architecture: 'amd64' };
  const arm64: Platform = { os: 'linux', architecture: 'arm64', variant: 'v8' };
  const unknown: Platform = { os: 'unknown', architecture: 'unknown' };

  it('gives the best first and leaves out what does not run', () => {
    const index = indexOf(
      manifestFor({ os: 'linux', architecture: '386' }),
      manifestFor({ os: 'linux', architecture: 'amd64', variant: 'v3' }),
      manifestFor(undefined),
      manifestFor(arm64),
      manifestFor({ os: 'linux', architecture: 'arm', variant: 'v7' }),
      manifestFor(amd64),
      manifestFor({ os: 'windows', architecture: 'amd64', 'os.version': '10.0.17763' }),
      manifestFor(unknown, { annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } }),
    );
    expect(shown(selectManifests(index, amd64))).toEqual(['linux/amd64', 'linux/386', '?']);
    expect(shown(selectManifests(index, { os: 'linux', architecture: 'arm64' }))).toEqual([
      'linux/arm64/v8',
      'linux/arm/v7',
      '?',
    ]);
    expect(shown(selectManifests(index, { os: 'linux', architecture: 's390x' }))).toEqual(['?']);
    expect(selectManifests(indexOf(), amd64)).toEqual([]);
  });

  it('skips attestations, artifacts and what needs features', () => {
    const index = indexOf(
      manifestFor(amd64, { artifactType: 'application/vnd.example+json' }),
      manifestFor(amd64, { mediaType: 'application/vnd.oci.image.layer.v1.tar' }),
      manifestFor(amd64, { annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } }),
      manifestFor({ ...amd64, 'os.features': ['win32k'] }),
      manifestFor(unknown),
    );
    expect(selectManifests(index, amd64)).toEqual([]);
  });
});
