import type { ContainerDefaults, ImageConfig } from '@slipway/plugin-api';
import { memoryMetadata } from '@slipway/plugin-testkit';
import { expect, it } from 'vitest';
import { committedDefaults } from '../../dist/containers/committed-defaults.js';
import { generatedName } from '../../dist/containers/container-name.js';
import { healthProbe } from '../../dist/containers/health.js';
import { checkOptions, keptSettings } from '../../dist/containers/kept-settings.js';

const imageWith = (config: ContainerDefaults): ImageConfig => ({
  os: 'linux',
  architecture: 'amd64',
  config,
  rootfs: { type: 'layers', diff_ids: [] },
});
const second = 1_000_000_000;

it("health checks are the image's under the settings, else Docker's", () => {
  const own = imageWith({
    Healthcheck: { Test: ['CMD-SHELL', 'curl -f localhost'], Interval: 5 * second, Timeout: 0, Retries: 2 },
  });
  const probe = {
    args: ['/bin/sh', '-c', 'curl -f localhost'],
    intervalMs: 5000,
    timeoutMs: 30_000,
    startPeriodMs: 0,
    startIntervalMs: 5000,
    retries: 2,
  };
  expect(healthProbe(undefined, own)).toEqual(probe);
  expect(healthProbe({ retries: 5, command: ['true'] }, own)).toEqual({ ...probe, args: ['true'], retries: 5 });
  expect(healthProbe(false, own)).toBeUndefined();
  expect(healthProbe(undefined, imageWith({}))).toBeUndefined();
  expect(healthProbe(undefined, imageWith({ Healthcheck: { Test: ['NONE'] } }))).toBeUndefined();
  const shell = imageWith({ Shell: ['/bin/bash', '-lc'], Healthcheck: { Test: ['CMD-SHELL', 'x'] } });
  expect(healthProbe(undefined, shell)?.args).toEqual(['/bin/bash', '-lc', 'x']);
  for (const health of [{ intervalMs: 5 }, { command: [] }, { command: ['x'], timeoutMs: 0 }, { command: ['x'], retries: 1.5 }])
    expect(() => healthProbe(health, imageWith({}))).toThrow(expect.objectContaining({ kind: 'invalid-argument' }));
  expect(() => healthProbe({ intervalMs: 5, retries: 1 }, imageWith({}))).toThrow(
    'settings of a health check (intervalMs, retries) without its command, and the image has no health check',
  );
});

it('an image cannot ask for health checks without a pause, and none that the monitor would refuse', () => {
  const often = imageWith({ Healthcheck: { Test: ['CMD', 'true'], Interval: 1, StartInterval: 1, Timeout: 1, StartPeriod: 1 } });
  expect(healthProbe(undefined, often)).toEqual({
    args: ['true'],
    ...{ intervalMs: 100, startIntervalMs: 100, timeoutMs: 100, startPeriodMs: 1, retries: 3 },
  });
  const many = Number.MAX_SAFE_INTEGER;
  const rarely = { Interval: many, StartInterval: many, Timeout: many, StartPeriod: many, Retries: many };
  const month = 30 * 24 * 3_600_000;
  expect(healthProbe(undefined, imageWith({ Healthcheck: { Test: ['CMD', 'true'], ...rarely } }))).toEqual({
    args: ['true'],
    ...{ intervalMs: month, startIntervalMs: month, timeoutMs: 3_600_000, startPeriodMs: month, retries: 1_000_000 },
  });
  expect(healthProbe({ command: ['true'], intervalMs: 1 }, imageWith({}))).toMatchObject({ intervalMs: 1 });
  for (const health of [{ intervalMs: month + 1 }, { timeoutMs: 3_600_001 }, { retries: 1_000_001 }, { command: ['a\0b'] }])
    expect(() => healthProbe({ command: ['true'], ...health }, imageWith({}))).toThrow(
      expect.objectContaining({ kind: 'invalid-argument' }),
    );
});

it('what is kept of the options is plain data that describes the container', () => {
  const { signal } = new AbortController();
  const options = {
    image: 'x',
    name: 'web',
    args: ['a'],
    env: undefined,
    detach: true,
    signal,
    onCreated: () => {},
    labels: { a: 'b' },
  };
  expect(keptSettings(options)).toEqual({ args: ['a'], labels: { a: 'b' } });
});

it('options that contradict each other, or are none, are refused before anything is made', () => {
  const refused = [
    { restart: { name: 'always' as const }, removeAtExit: true },
    { restart: { name: 'unless' as 'no' } },
    { restart: { name: 'always' as const, maximumRetries: 1 } },
    { restart: { name: 'on-failure' as const, maximumRetries: -1 } },
    // More than the monitor takes, which would be told at the start.
    { restart: { name: 'on-failure' as const, maximumRetries: 2 ** 31 } },
    { log: { maxFiles: 10_001 } },
    { log: { maxSize: 2 ** 47 } },
    { stopTimeoutMs: 1.5 },
    { log: { driver: 'syslog' as 'file' } },
    { log: { maxSize: 0 } },
    { labels: { '': 'x' } },
    { name: '-x' },
  ];
  for (const options of refused)
    expect(() => checkOptions({ image: 'x', ...options }, 'bridge')).toThrow(
      expect.objectContaining({ kind: 'invalid-argument' }),
    );
  checkOptions(
    { image: 'x', restart: { name: 'on-failure', maximumRetries: 3 }, stopTimeoutMs: -1, log: { driver: 'none' } },
    'bridge',
  );
});

it('names are made of the last part of the image', () => {
  const nameOf = (image: string): string =>
    memoryMetadata()
      .read((tx) => generatedName(tx, image))
      .replace(/-[0-9a-f]{5}$/, '');
  expect(nameOf('docker.io/library/alpine:3.20')).toBe('alpine');
  expect(nameOf('localhost:5000/a/b_c')).toBe('b_c');
  expect(nameOf(`r.test/team/app@sha256:${'a'.repeat(64)}`)).toBe('app');
  expect(nameOf('oci:/srv/images/layout:v1')).toBe('layout');
  expect(nameOf('oci:/srv/.:v1')).toBe('container');
  expect(nameOf(`r.test/${'x'.repeat(200)}:1`)).toHaveLength(58);
});

it('an image of a container has its settings over those of its image', () => {
  const image: ContainerDefaults = { Env: ['A=1', 'B=2'], Entrypoint: ['/e'], Cmd: ['c'], Labels: { a: 'b' }, User: 'u' };
  expect(committedDefaults(image, {})).toEqual(image);
  expect(committedDefaults(image, { args: ['d'], env: ['B=3', 'C=4'], labels: { c: 'd' }, workdir: '/w' })).toEqual({
    ...image,
    Env: ['A=1', 'B=3', 'C=4'],
    Cmd: ['d'],
    Labels: { a: 'b', c: 'd' },
    WorkingDir: '/w',
  });
  expect(committedDefaults(image, { entrypoint: ['/f'] })).toMatchObject({ Entrypoint: ['/f'], Cmd: null });
  expect(committedDefaults(image, { health: false })).toMatchObject({ Healthcheck: { Test: ['NONE'] } });
  expect(committedDefaults(image, { health: { command: ['x'], intervalMs: 2 } })).toMatchObject({
    Healthcheck: { Test: ['CMD', 'x'], Interval: 2_000_000 },
  });
});
