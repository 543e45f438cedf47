import { formatPathName, parsePathName, recordedReference, schemeOf } from '@slipway/oci';
import { expect, test } from 'vitest';

const digest = `sha256:${'ab'.repeat(32)}`;

test.each([
  ['layout', { path: '/work/layout' }],
  ['./layout/', { path: '/work/layout' }],
  ['../layout:latest', { path: '/layout', reference: 'latest' }],
  ['/srv/a.tar:docker.io/library/alpine:3.20', { path: '/srv/a.tar', reference: 'docker.io/library/alpine:3.20' }],
  ['/srv/a:registry.example.com:5000/x:1', { path: '/srv/a', reference: 'registry.example.com:5000/x:1' }],
  [`/srv/a@${digest}`, { path: '/srv/a', digest }],
  [`/srv/a:v1@${digest}`, { path: '/srv/a', reference: 'v1', digest }],
  ['/srv/me@home/a:v1', { path: '/srv/me@home/a', reference: 'v1' }],
])('"%s" is a path, and which image is meant in it', (text, expected) => {
  const parsed = parsePathName(text, '/work');
  expect(parsed).toEqual(expected);
  expect(parsePathName(formatPathName(parsed), '/elsewhere')).toEqual(expected);
});

test.each([
  ['', 'has no path'],
  [':latest', 'has no path'],
  ['layout:', 'empty reference'],
  ['a\nb', 'control characters'],
  ['a\0b', 'control characters'],
  ['ö'.repeat(500), '1006 bytes in full'],
  ['layout@sha256:short', 'digest'],
  ['layout@md5:d41d8cd98f00b204e9800998ecf8427e', 'digest'],
])('%j is refused, and the error says why', (text, why) => {
  expect(() => parsePathName(text, '/work')).toThrow(why);
});

test('a directory with a colon cannot stand in a name, however it came there', () => {
  expect(() => parsePathName('layout', '/srv/a:b')).toThrow('can have no ":"');
});

test('a scheme is what stands before the first colon', () => {
  expect(schemeOf('oci-archive:/a:b')).toBe('oci-archive');
  expect(schemeOf('localhost:5000/app')).toBe('localhost');
  for (const name of ['alpine', 'docker.io/library/alpine:latest', 'Oci:x', ':x', './oci:x'])
    expect(schemeOf(name)).toBeUndefined();
});

test('a recorded name is a reference in full, or another resolver’s', () => {
  expect(recordedReference('docker.io/library/alpine:latest')).toEqual({
    registry: 'docker.io',
    repository: 'library/alpine',
    tag: 'latest',
  });
  for (const name of ['alpine', 'oci:/srv/layout', 'oci:/srv/layout:latest', 'docker-archive:/a.tar:x/y:1'])
    expect(recordedReference(name)).toBeUndefined();
});
