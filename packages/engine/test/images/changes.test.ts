// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of Dockerfiles are written so.
import type { ContainerDefaults } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';
import { changeDefaults } from '../../dist/images/changes/change-defaults.js';

const base: ContainerDefaults = {
  User: 'app',
  Env: ['PATH=/bin', 'A=1'],
  Entrypoint: ['/start'],
  Cmd: ['serve'],
  WorkingDir: '/srv',
  Labels: { one: '1' },
  ExposedPorts: { '80/tcp': {} },
};

describe('instructions as of a Dockerfile', () => {
  it.each<[string, ContainerDefaults]>([
    ['CMD ["a", "b c"]', { Cmd: ['a', 'b c'] }],
    ['cmd a "b c" $D', { Cmd: ['/bin/sh', '-c', 'a "b c" $D'] }],
    ['CMD []', { Cmd: [] }],
    ['CMD [ -f /x ] && echo yes', { Cmd: ['/bin/sh', '-c', '[ -f /x ] && echo yes'] }],
    ['ENTRYPOINT ["/other"]', { Entrypoint: ['/other'], Cmd: null }],
    ['ENTRYPOINT other', { Entrypoint: ['/bin/sh', '-c', 'other'], Cmd: null }],
    ['ENV B=2', { Env: ['PATH=/bin', 'A=1', 'B=2'] }],
    ['ENV A=2 C="d e" F=\'$A\' G=h\\ i', { Env: ['PATH=/bin', 'A=2', 'C=d e', 'F=$A', 'G=h i'] }],
    ['ENV PATH=$PATH:/opt/bin', { Env: ['PATH=/bin:/opt/bin', 'A=1'] }],
    ['ENV A=2 B=$A', { Env: ['PATH=/bin', 'A=2', 'B=1'] }],
    ['ENV B=${A}${NONE}x', { Env: ['PATH=/bin', 'A=1', 'B=1x'] }],
    [
      'ENV B=${NONE:-d$A} C=${A:+yes} D=${NONE:+no} E=$ F=\\$A G="a\\b\\"c"',
      { Env: ['PATH=/bin', 'A=1', 'B=d1', 'C=yes', 'D=', 'E=$', 'F=$A', 'G=a\\b"c'] },
    ],
    ['ENV B old  form = here', { Env: ['PATH=/bin', 'A=1', 'B=old  form = here'] }],
    ['ENV B=', { Env: ['PATH=/bin', 'A=1', 'B='] }],
    [
      'EXPOSE 443 53/UDP 8000-8002/tcp',
      { ExposedPorts: { '80/tcp': {}, '443/tcp': {}, '53/udp': {}, '8000/tcp': {}, '8001/tcp': {}, '8002/tcp': {} } },
    ],
    ['LABEL two=2 "com.example.a b"="c=d"', { Labels: { one: '1', two: '2', 'com.example.a b': 'c=d' } }],
    ['LABEL one=$A', { Labels: { one: '1' } }],
    ['STOPSIGNAL SIGINT', { StopSignal: 'SIGINT' }],
    ['STOPSIGNAL 9', { StopSignal: '9' }],
    ['USER 1000:1000', { User: '1000:1000' }],
    ['VOLUME ["/a b", "/c"]', { Volumes: { '/a b': {}, '/c': {} } }],
    ['VOLUME /a /c', { Volumes: { '/a': {}, '/c': {} } }],
    ['WORKDIR /opt/../x', { WorkingDir: '/x' }],
    ['  WORKDIR   sub dir  ', { WorkingDir: '/srv/sub dir' }],
  ])('%s', (change, changed) => {
    expect(changeDefaults(base, [change])).toEqual({ ...base, ...changed });
  });

  it('are carried out one after the other; what is not known stays', () => {
    const more = { ...base, Healthcheck: { Test: ['NONE'] } };
    const changes = ['CMD ["new"]', 'ENTRYPOINT ["/other"]', 'ENV A=2', 'ENV B=$A', 'WORKDIR a', 'WORKDIR b'];
    expect(changeDefaults(more, changes)).toEqual({
      ...more,
      Cmd: ['new'],
      Entrypoint: ['/other'],
      Env: ['PATH=/bin', 'A=2', 'B=2'],
      WorkingDir: '/srv/a/b',
    });
    expect(changeDefaults({}, [])).toEqual({});
    expect(changeDefaults({}, ['ENTRYPOINT ["a"]', 'WORKDIR x', 'ENV A=$B'])).toEqual({
      Entrypoint: ['a'],
      WorkingDir: '/x',
      Env: ['A='],
    });
    expect(base.Env).toEqual(['PATH=/bin', 'A=1']);
  });

  it('a label may have any name', () => {
    const { Labels } = changeDefaults({}, ['LABEL __proto__=x constructor=y']);
    expect(Object.entries(Labels ?? {})).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });

  it.each([
    ['', 'begins with no instruction'],
    ['["a"]', 'begins with no instruction'],
    ['TOSTRING x', 'no instruction'],
    ['CONSTRUCTOR x', 'no instruction'],
    ['CMD', 'has no command'],
    ["CMD ['a']", 'double quotes'],
    ['ENTRYPOINT [1]', 'double quotes'],
    ['ENV', 'has no value'],
    ['ENV A', 'gives "A" no value'],
    ['ENV A=1 B', 'expected NAME=value'],
    ['ENV =1', 'has no name'],
    ['ENV A="x', 'without an end'],
    ['ENV A=${B', 'not understood'],
    ['ENV A=${B:-x', 'without an end'],
    ['ENV A=${B?x}', 'not understood'],
    ['EXPOSE 0', 'expected PORT'],
    ['EXPOSE 65536', 'expected PORT'],
    ['EXPOSE 9-8', 'expected PORT'],
    ['EXPOSE 80/icmp', 'expected PORT'],
    ['EXPOSE', 'has no value'],
    ['STOPSIGNAL SIGNOTHING', 'names no signal'],
    ['STOPSIGNAL 0', 'names no signal'],
    ['USER', 'has no value'],
    ['USER ""', 'has no value'],
    ['VOLUME []', 'names no directory'],
    ['VOLUME [""]', 'names no directory'],
    ['WORKDIR', 'has no value'],
    ['ENV A=1\nRUN x', 'line break'],
    ['LABEL a=\0', 'NUL'],
  ])('%j is refused: %s', (change, why) => {
    expect(() => changeDefaults(base, [change])).toThrow(
      expect.objectContaining({
        kind: 'invalid-argument',
        code: 'CHANGE_INVALID',
        message: expect.stringMatching(why) as string,
        hint: expect.any(String) as string,
        details: { change },
      }),
    );
    expect(() => changeDefaults(base, [change])).toThrow(JSON.stringify(change));
  });

  it.each([
    'HEALTHCHECK NONE',
    'ONBUILD RUN x',
    'shell ["sh"]',
    'MAINTAINER me',
    'RUN x',
    'COPY a b',
    'ADD a b',
    'FROM x',
    'ARG x',
  ])('%s has no place in a config', (change) => {
    const name = change.split(' ')[0]?.toUpperCase();
    expect(() => changeDefaults(base, [change])).toThrow(
      expect.objectContaining({ kind: 'unimplemented', code: 'CHANGE_UNSUPPORTED', details: { instruction: name } }),
    );
  });
});
