import path from 'node:path';
import type { ContainerDefaults } from '@slipway/plugin-api';
import { parseSignal } from '../../bundle/signal.js';
import { commandLine, stringArray } from './command-line.js';
import { unsupportedChange } from './invalid-change.js';
import { exposedPorts } from './ports.js';
import { expand, type Lookup, splitWords } from './words.js';

/** Takes what follows its name; throws an `Error` whose message goes on after "instruction ...". */
type Instruction = (defaults: ContainerDefaults, value: string) => ContainerDefaults;

const noField = (name: string, what: string): Instruction => {
  return () => {
    throw unsupportedChange(name, `the config of an OCI image has no field for ${what}`, 'leave it out');
  };
};

const buildsOnly = (name: string): Instruction => {
  return () => {
    throw unsupportedChange(name, 'it is for a build', 'run the command in a container and commit that');
  };
};

/** Of the Dockerfile reference. */
export const instructions: Readonly<Record<string, Instruction>> = {
  CMD: (defaults, value) => ({ ...defaults, Cmd: commandLine(value) }),
  ENTRYPOINT: (defaults, value) => ({ ...defaults, Entrypoint: commandLine(value) }),
  ENV: (defaults, value) => {
    const variables = new Map((defaults.Env ?? []).map((entry) => [nameOf(entry), entry]));
    for (const [name, text] of namesAndValues(defaults, value)) variables.set(name, `${name}=${text}`);
    return { ...defaults, Env: [...variables.values()] };
  },
  EXPOSE: (defaults, value) => {
    const ports = words(defaults, value).flatMap(exposedPorts);
    return { ...defaults, ExposedPorts: { ...defaults.ExposedPorts, ...keys(ports) } };
  },
  LABEL: (defaults, value) => {
    const labels = Object.fromEntries(namesAndValues(defaults, value));
    return { ...defaults, Labels: { ...defaults.Labels, ...labels } };
  },
  STOPSIGNAL: (defaults, value) => {
    const signal = wholeText(defaults, value);
    if (!isSignal(signal)) throw new Error('names no signal');
    return { ...defaults, StopSignal: signal };
  },
  USER: (defaults, value) => ({ ...defaults, User: wholeText(defaults, value) }),
  VOLUME: (defaults, value) => {
    const volumes = stringArray(value) ?? words(defaults, value);
    if (volumes.length === 0 || volumes.some((volume) => volume.trim() === '')) throw new Error('names no directory');
    return { ...defaults, Volumes: { ...defaults.Volumes, ...keys(volumes) } };
  },
  WORKDIR: (defaults, value) => {
    const directory = wholeText(defaults, value);
    return { ...defaults, WorkingDir: path.posix.resolve('/', defaults.WorkingDir ?? '', directory) };
  },
  HEALTHCHECK: noField('HEALTHCHECK', 'health checks'),
  ONBUILD: noField('ONBUILD', 'triggers of builds'),
  SHELL: noField('SHELL', 'a shell'),
  MAINTAINER: () => {
    throw unsupportedChange('MAINTAINER', 'it is deprecated', 'give the author (--author)');
  },
  ADD: buildsOnly('ADD'),
  ARG: buildsOnly('ARG'),
  COPY: buildsOnly('COPY'),
  FROM: buildsOnly('FROM'),
  RUN: buildsOnly('RUN'),
};

function isSignal(text: string): boolean {
  try {
    return parseSignal(text) > 0;
  } catch {
    return false;
  }
}

function nameOf(entry: string): string {
  return entry.split('=', 1)[0] ?? '';
}

function lookupIn({ Env }: ContainerDefaults): Lookup {
  const variables = new Map((Env ?? []).map((entry) => [nameOf(entry), entry.slice(nameOf(entry).length + 1)]));
  return (name) => variables.get(name);
}

function words(defaults: ContainerDefaults, value: string): string[] {
  const found = splitWords(value).map((word) => expand(word, lookupIn(defaults)));
  if (found.length === 0) throw new Error('has no value');
  return found;
}

function wholeText(defaults: ContainerDefaults, value: string): string {
  const text = expand(value, lookupIn(defaults));
  if (text === '') throw new Error('has no value');
  return text;
}

/** `A=b C="d e"`, or in the old form `A b c` one alone. A variable has the value that it had before the instruction. */
function namesAndValues(defaults: ContainerDefaults, value: string): [name: string, value: string][] {
  const lookup = lookupIn(defaults);
  const found = splitWords(value);
  const [first] = found;
  if (first === undefined) throw new Error('has no value');
  if (!first.includes('=')) {
    const rest = value.slice(first.length).trimStart();
    if (rest === '') throw new Error(`gives ${JSON.stringify(first)} no value: expected NAME=value`);
    return [[expand(first, lookup), expand(rest, lookup)]];
  }
  return found.map((word) => {
    const equals = word.indexOf('=');
    if (equals < 0) throw new Error(`has ${JSON.stringify(word)}, expected NAME=value`);
    const name = expand(word.slice(0, equals), lookup);
    if (name === '') throw new Error(`has no name before "=" in ${JSON.stringify(word)}`);
    return [name, expand(word.slice(equals + 1), lookup)];
  });
}

/** A set, as a config writes it (OCI image-spec, config.md). */
function keys(names: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}
