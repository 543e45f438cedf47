import { describe, expect, it } from 'vitest';
import { fitsName, patternFault } from '../dist/name-pattern.js';

const digest = `sha256:${'ab'.repeat(32)}`;

const cases: readonly (readonly [pattern: string, name: string, fits: boolean])[] = [
  ['docker.io/library/alpine', 'docker.io/library/alpine:latest', true],
  ['docker.io/library/alpine:latest', 'docker.io/library/alpine:latest', true],
  ['docker.io/library/alpine:latest', 'docker.io/library/alpine:edge', false],
  ['docker.io/library/alpine:3.*', 'docker.io/library/alpine:3.20', true],
  ['docker.io/library/alpine', `docker.io/library/alpine@${digest}`, true],
  [`docker.io/library/alpine@${digest}`, `docker.io/library/alpine:3@${digest}`, true],
  ['docker.io/library/alpine:3', `docker.io/library/alpine:3@${digest}`, true],
  ['registry.example.com/team/*', 'registry.example.com/team/app:1', true],
  ['registry.example.com/team/*', 'registry.example.com/team/sub/app:1', false],
  ['registry.example.com/team/**', 'registry.example.com/team/sub/app:1', true],
  ['registry.example.com/team/*', 'registry.example.com/team2/app:1', false],
  ['registry.example.com/*/app', 'registry.example.com/team/app:1', true],
  ['registry.example.com/*/app', 'registry.example.com/team/my-app:1', false],
  // A dot is a dot, and what a pattern begins and ends with is where the name begins and ends.
  ['registry.example.com/team/*', 'registryXexample.com/team/app:1', false],
  ['example.com/app', 'evil.com/example.com/app:1', false],
  ['example.com/app', 'example.com/app2:1', false],
  ['localhost:5000/*', 'localhost:5000/app:1', true],
  ['*.example.com/**', 'a.example.com/x/y:1', true],
  ['*.example.com/**', 'evil.com/a.example.com/x:1', false],
  ['**', 'docker.io/library/alpine:latest', true],
  ['**', 'oci:/srv/app', true],
  ['oci:/srv/*', 'oci:/srv/app', true],
  ['oci:/srv/*', 'oci:/srv/app:1', true],
  ['oci:/srv/app', 'oci:/srv/app:1', false],
  ['oci:/srv/*', 'oci:/etc/app', false],
  ['docker.io/**', 'oci:/srv/docker.io/x', false],
  ['a.io/*a*a*b', `a.io/${'a'.repeat(30)}:b`, true],
  ['a.io/😀*', 'a.io/😀x', true],
];

describe('a pattern of names', () => {
  for (const [pattern, name, fits] of cases)
    it(`${pattern} ${fits ? 'fits' : 'does not fit'} ${name}`, () => expect(fitsName(pattern, name)).toBe(fits));

  it('takes no more time than the lengths of both, whatever it is', () => {
    const pattern = `a.io/${'*a'.repeat(250)}*b`;
    const before = process.cpuUsage().user;
    expect(fitsName(pattern, `a.io/${'a'.repeat(1000)}`)).toBe(false);
    // Backtracking would take longer than the age of the earth.
    expect(process.cpuUsage().user - before).toBeLessThan(10_000_000);
  });

  it('is refused where no full name could fit', () => {
    expect(patternFault('alpine')).toContain('or ** for all');
    expect(patternFault('alpine:3')).toContain('or ** for all');
    expect(patternFault('*')).toContain('or ** for all');
    expect(patternFault('library/alpine')).toContain('such as docker.io/library/alpine');
    expect(patternFault('team/*')).toContain('docker.io/team/*');
    for (const fine of ['**', 'oci:**', '*/team/app', 'localhost/x', 'host:5000/x', 'oci:/srv/x', 'a.b/x'])
      expect(patternFault(fine), fine).toBeUndefined();
  });
});
