import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** What the package.json of one of our packages says. */
export function versionOf(name: string): string {
  const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

export function ownVersion(): string {
  return versionOf('@slipway/cli');
}
