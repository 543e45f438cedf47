import type { Descriptor, ImageConfig } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';
import { checkPlatform } from '../../dist/pull/check-platform.js';

const manifest = { mediaType: 'm', digest: 'sha256:x', size: 1 } as Descriptor;
const config = (architecture: string, variant?: string): ImageConfig => ({
  os: 'linux',
  architecture,
  ...(variant === undefined ? {} : { variant }),
  rootfs: { type: 'layers', diff_ids: [] },
});

describe('checkPlatform', () => {
  it('takes what runs on the platform that was asked for', () => {
    expect(checkPlatform(manifest, config('arm64'), { os: 'linux', architecture: 'arm64', variant: 'v8' })).toBeUndefined();
    expect(checkPlatform(manifest, config('arm', 'v6'), { os: 'linux', architecture: 'arm', variant: 'v7' })).toBeUndefined();
  });

  it('refuses another one', () => {
    expect(() => checkPlatform(manifest, config('s390x'), { os: 'linux', architecture: 'amd64' })).toThrow(
      /"linux\/amd64"; it has linux\/s390x/,
    );
  });

  it('only warns when nothing was asked for: emulation may be there', () => {
    expect(checkPlatform(manifest, config('s390x'), undefined)).toMatch(/linux\/s390x/);
  });
});
