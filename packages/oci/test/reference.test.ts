import { formatReference, parseReference } from '@slipway/oci';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const hex = 'a'.repeat(64);
const sha256 = `sha256:${hex}`;
const sha512 = `sha512:${'b'.repeat(128)}`;

const good: readonly (readonly [text: string, whole: string])[] = [
  ['alpine', 'docker.io/library/alpine:latest'],
  ['alpine:3.20', 'docker.io/library/alpine:3.20'],
  ['alpine:Latest_X-1.2', 'docker.io/library/alpine:Latest_X-1.2'],
  [`alpine@${sha256}`, `docker.io/library/alpine@${sha256}`],
  [`alpine@${sha512}`, `docker.io/library/alpine@${sha512}`],
  [`alpine:3.20@${sha256}`, `docker.io/library/alpine:3.20@${sha256}`],
  ['library/alpine', 'docker.io/library/alpine:latest'],
  ['docker.io/alpine', 'docker.io/library/alpine:latest'],
  ['docker.io/library/alpine:latest', 'docker.io/library/alpine:latest'],
  ['index.docker.io/alpine', 'docker.io/library/alpine:latest'],
  ['DOCKER.IO/alpine', 'docker.io/library/alpine:latest'],
  ['grafana/grafana', 'docker.io/grafana/grafana:latest'],
  ['a/b/c/d', 'docker.io/a/b/c/d:latest'],
  ['quay.io/podman/stable:v5', 'quay.io/podman/stable:v5'],
  ['ghcr.io/a/b', 'ghcr.io/a/b:latest'],
  ['example.com/alpine', 'example.com/alpine:latest'],
  ['Example.COM/alpine', 'example.com/alpine:latest'],
  ['localhost/alpine', 'localhost/alpine:latest'],
  ['LOCALHOST/alpine', 'localhost/alpine:latest'],
  ['localhost:5000/alpine', 'localhost:5000/alpine:latest'],
  ['localhost:5000', 'docker.io/library/localhost:5000'],
  ['registry:5000/alpine', 'registry:5000/alpine:latest'],
  ['127.0.0.1:5000/a/b:c', '127.0.0.1:5000/a/b:c'],
  ['[::1]:5000/alpine', '[::1]:5000/alpine:latest'],
  ['[::1]/alpine:x', '[::1]/alpine:x'],
  ['[2001:DB8::1]:443/a', '[2001:db8::1]:443/a:latest'],
  ['UPPER/alpine', 'UPPER/alpine:latest'],
  ['docker.io/a.b-c__d--e_f/x', 'docker.io/a.b-c__d--e_f/x:latest'],
  ['foo__bar/a---b', 'docker.io/foo__bar/a---b:latest'],
  ['x', 'docker.io/library/x:latest'],
  ['0', 'docker.io/library/0:latest'],
  ['xn--bcher-kva.example/a', 'xn--bcher-kva.example/a:latest'],
  ['alpine:_x', 'docker.io/library/alpine:_x'],
  [`alpine:${'t'.repeat(128)}`, `docker.io/library/alpine:${'t'.repeat(128)}`],
  [`example.com/${'r'.repeat(255)}`, `example.com/${'r'.repeat(255)}:latest`],
  ['example.com:65535/a', 'example.com:65535/a:latest'],
];

const bad: readonly (readonly [text: string, why: RegExp])[] = [
  ['', /is empty/],
  [' alpine', /not allowed/],
  ['alpine ', /not allowed/],
  ['alpine\n', /"alpine\\u\{a\}".*not allowed/],
  ['alp\0ine', /not allowed/],
  ['\u001b[31malpine', /\\u\{1b\}/],
  ['Alpine', /upper-case/],
  ['library/Alpine', /upper-case/],
  ['example.com/Alpine', /upper-case/],
  ['alpine:', /empty tag/],
  ['alpine@', /empty digest/],
  ['alpine:a b', /tag/],
  ['alpine:-x', /tag/],
  ['alpine:.x', /tag/],
  ['alpine:a:b', /tag/],
  ['a/b:5000/c', /tag/],
  [`alpine:${'t'.repeat(129)}`, /129 characters/],
  [`example.com/${'r'.repeat(256)}`, /256 characters/],
  ['a'.repeat(1025), /1025 characters/],
  ['/alpine', /is a path/],
  ['a//b', /empty part/],
  ['a/', /empty part/],
  ['example.com/', /no repository/],
  ['../etc/passwd', /is a path/],
  ['a/../b', /part "\.\."/],
  ['a/.b', /not allowed/],
  ['a/b.', /not allowed/],
  ['a/b..c', /not allowed/],
  ['a/b___c', /not allowed/],
  ['a/-b', /not allowed/],
  ['--flag', /not allowed/],
  ['a_b.example/x', /no label/],
  ['-x.example/a', /no label/],
  ['a..b/x', /no label/],
  ['https://example.com/a', /is a URL/],
  ['docker://alpine', /is a URL/],
  ['./app.tar', /is a path/],
  ['../images/app', /is a path/],
  ['/srv/app.tar', /is a path/],
  ['example.com:0/a', /port "0"/],
  ['example.com:65536/a', /port "65536"/],
  ['example.com:/a', /port ""/],
  ['example.com:5x/a', /port "5x"/],
  ['user:pw@example.com/a', /digest/],
  ['::1/a', /host ""/],
  ['999.1.1.1/a', /neither a name nor an address/],
  ['a.b.1/a', /neither a name nor an address/],
  ['[::1/a', /host/],
  ['[::g]/a', /IPv6/],
  ['[fe80::1%eth0]/a', /IPv6/],
  ['[::ffff:1.2.3.4]/a', /IPv6/],
  [hex, /64 hexadecimal/],
  [`alpine@${hex}`, /no colon/],
  ['alpine@sha256:../../x', /digest/],
  [`alpine@SHA256:${hex}`, /digest/],
  [`alpine@sha256:${'A'.repeat(64)}`, /lower-case/],
  [`alpine@${sha256}@${sha256}`, /digest/],
  [`@${sha256}`, /no repository/],
  ['älpine', /not allowed/],
];

describe('parseReference', () => {
  it.each(good)('takes %j as %s', (text, whole) => {
    expect(formatReference(parseReference(text))).toBe(whole);
    expect(parseReference(whole)).toEqual(parseReference(text));
  });

  it.each(bad)('refuses %j', (text, why) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({
        kind: 'invalid-argument',
        code: expect.stringMatching(/^(REFERENCE|DIGEST)_INVALID$/),
        message: expect.stringMatching(why),
      }),
    );
  });

  it('quotes a long name short', () => {
    const error = (() => {
      try {
        return parseReference(`${'a/'.repeat(5_000_000)}b`);
      } catch (e) {
        return e as Error;
      }
    })();
    expect((error as Error).message.length).toBeLessThan(300);
  });

  it('gives the same reference for its own whole name, whatever it accepts', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9._:/@[\]-]{1,40}$/), (text) => {
        let reference: ReturnType<typeof parseReference>;
        try {
          reference = parseReference(text);
        } catch {
          return;
        }
        expect(parseReference(formatReference(reference))).toEqual(reference);
      }),
      { numRuns: 5000 },
    );
  });
});
