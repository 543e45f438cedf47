import { endianness } from 'node:os';
import { type Descriptor, type ImageIndex, type Platform, SlipwayError } from '@slipway/plugin-api';
import { isIndexType, isManifestType } from './media-types.js';
import { quote } from './quote.js';

/** Node's names of architectures to Go's, which OCI uses. `ppc64` is decided by byte order. */
const goArchitectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  arm64: 'arm64',
  arm: 'arm',
  loong64: 'loong64',
  mips: 'mips',
  mipsel: 'mipsle',
  riscv64: 'riscv64',
  s390x: 's390x',
};

/** The platform whose images run here without emulation. */
export function hostPlatform(): Platform {
  const os = process.platform;
  if (process.arch === 'ppc64') return { os, architecture: endianness() === 'LE' ? 'ppc64le' : 'ppc64' };
  return normalizePlatform({ os, architecture: goArchitectures[process.arch] ?? process.arch });
}

/**
 * Reads `os/architecture[/variant]`, also with the kernel's names of architectures (`linux/aarch64`).
 *
 * Errors: `invalid-argument` with code `PLATFORM_INVALID`.
 */
export function parsePlatform(text: string): Platform {
  const [os, architecture, variant, ...rest] = text.split('/');
  const parts = [os, architecture, ...(variant === undefined ? [] : [variant])];
  if (
    os === undefined ||
    architecture === undefined ||
    rest.length > 0 ||
    !parts.every((part) => /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(part ?? ''))
  )
    throw new SlipwayError({
      kind: 'invalid-argument',
      code: 'PLATFORM_INVALID',
      message: `platform ${quote(text)} is not of the form os/architecture[/variant]`,
      hint: 'for example linux/amd64 or linux/arm/v7',
    });
  return normalizePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) });
}

/** `linux/arm64`, `linux/arm/v7`. */
export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, ...(platform.variant ? [platform.variant] : [])].join('/');
}

/**
 * One spelling for what has several: lower case, Go's names, no variant where it says what the name alone says
 * (amd64/v1, arm64/v8), v7 for a bare `arm`. The rules are those of containerd's platforms.Normalize.
 */
export function normalizePlatform(platform: Platform): Platform {
  const { variant: given, ...rest } = platform;
  const os = platform.os.toLowerCase();
  const [architecture, variant] = normalizeArchitecture(platform.architecture.toLowerCase(), (given ?? '').toLowerCase());
  return { ...rest, os: os === 'macos' ? 'darwin' : os, architecture, ...(variant === '' ? {} : { variant }) };
}

function normalizeArchitecture(architecture: string, variant: string): [architecture: string, variant: string] {
  switch (architecture) {
    case 'i386':
      return ['386', ''];
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return ['amd64', variant === 'v1' ? '' : variant];
    case 'aarch64':
    case 'arm64':
      return ['arm64', variant === '8' || variant === 'v8' ? '' : variant];
    case 'armhf':
      return ['arm', 'v7'];
    case 'armel':
      return ['arm', 'v6'];
    case 'arm':
      return ['arm', variant === '' ? 'v7' : /^[5-8]$/.test(variant) ? `v${variant}` : variant];
    default:
      return [architecture, variant];
  }
}

/**
 * The manifests of an index that run on `platform`, best first: the platform itself, then what its processors run as
 * well, then those that do not say what they are for (their config does; the caller must look). Within a rank the order
 * is the index's. Attestations, artifacts and what is for another platform are left out.
 */
export function selectManifests(index: ImageIndex, platform: Platform): Descriptor[] {
  const ranks = compatiblePlatforms(platform).map(formatPlatform);
  const features = new Set(platform['os.features']);
  const ranked: { readonly rank: number; readonly descriptor: Descriptor }[] = [];
  for (const descriptor of index.manifests) {
    if (!isIndexType(descriptor.mediaType) && !isManifestType(descriptor.mediaType)) continue;
    if (descriptor.artifactType !== undefined || descriptor.annotations?.['vnd.docker.reference.type'] !== undefined) continue;
    if (descriptor.platform === undefined) {
      ranked.push({ rank: ranks.length, descriptor });
      continue;
    }
    // image-spec, image-index.md: os.features are mandatory for the image to run.
    if (!(descriptor.platform['os.features'] ?? []).every((feature) => features.has(feature))) continue;
    const rank = ranks.indexOf(formatPlatform(normalizePlatform(descriptor.platform)));
    if (rank >= 0) ranked.push({ rank, descriptor });
  }
  return ranked.sort((a, b) => a.rank - b.rank).map(({ descriptor }) => descriptor);
}

/**
 * The platforms whose programs run on `platform`, best first and starting with itself. The fall-backs are those of
 * containerd's platforms.Only: amd64/vN takes lower N, then 386; arm/vN lower N down to v5; arm64/v9.x lower v9 minors and
 * v8.(x+5) down (Armv9.0 has what Armv8.5 has); arm64 then arm/v8 down to v5.
 */
export function compatiblePlatforms(platform: Platform): Platform[] {
  const self = normalizePlatform(platform);
  const like = (architecture: string, variant?: string): Platform => ({
    os: self.os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
  });
  switch (self.architecture) {
    case 'amd64':
      return [self, ...lower(level(self.variant), 2).map((n) => like('amd64', `v${n}`)), like('amd64'), like('386')].filter(
        isFirst,
      );
    case 'arm':
      return [self, ...lower(level(self.variant), 5).map((n) => like('arm', `v${n}`))];
    case 'arm64': {
      const wider = arm64Variants(self.variant).map((variant) => like('arm64', variant));
      return [self, ...wider, ...[8, 7, 6, 5].map((n) => like('arm', `v${n}`))].filter(isFirst);
    }
    default:
      return [self];
  }
}

/** Variants below this one, `undefined` for plain v8. */
function arm64Variants(variant: string | undefined): (string | undefined)[] {
  const match = /^v([89])(?:\.([0-9]))?$/.exec(variant ?? 'v8');
  if (match === null) return [];
  const minor = Number(match[2] ?? 0);
  const below = (major: string, from: number): (string | undefined)[] =>
    lower(from, 0).map((n) => (n > 0 ? `v${major}.${n}` : major === '8' ? undefined : `v${major}`));
  return match[1] === '9' ? [...below('9', minor), ...below('8', minor + 6)] : below('8', minor);
}

function level(variant: string | undefined): number {
  return Number(/^v([1-9])$/.exec(variant ?? '')?.[1] ?? 0);
}

/** The whole numbers from `from` - 1 down to `to`. */
function lower(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, from - to) }, (_, i) => from - 1 - i);
}

function isFirst(platform: Platform, position: number, all: readonly Platform[]): boolean {
  return all.findIndex((other) => formatPlatform(other) === formatPlatform(platform)) === position;
}
