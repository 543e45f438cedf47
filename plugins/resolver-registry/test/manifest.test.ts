import { readFileSync } from 'node:fs';
import { plugin } from '@slipway/resolver-registry';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

describe('the plugin', () => {
  it('says in its manifest what its code says', () => {
    const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
      slipway: Record<string, string>;
    };
    expect(manifest.slipway).toMatchObject({ provides: plugin.provides.id, id: plugin.id, api: plugin.api });
  });

  const accepts = (config: unknown): boolean => v.safeParse(plugin.config as never, config).success;

  it('takes what its README shows, and nothing', () => {
    expect(accepts({})).toBe(true);
    expect(
      accepts({
        ca: '/etc/slipway/registry-ca.pem',
        idle_timeout: 30,
        auth: { 'registry.example.com:5000': { username: 'alice', password_file: '/etc/slipway/registry-password' } },
        hosts: { '[::1]:5000': { plain_http: true, allow_private_address: false } },
      }),
    ).toBe(true);
  });

  it.each([
    ['an unknown key', { retries: 3 }],
    ['an unknown key of a host', { hosts: { a: { insecure: true } } }],
    ['a URL for a host', { hosts: { 'https://a': {} } }],
    ['both ways to a password', { auth: { a: { username: 'u', password: 'p', password_file: '/p' } } }],
    ['no password', { auth: { a: { username: 'u' } } }],
    ['a user name that would end early', { auth: { a: { username: 'u:v', password: 'p' } } }],
    ['a relative path', { ca: 'ca.pem' }],
    ['no idle timeout', { idle_timeout: 0 }],
  ])('refuses %s', (_name, config) => {
    expect(accepts(config)).toBe(false);
  });
});
