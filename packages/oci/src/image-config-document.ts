import type { ContainerDefaults, HistoryEntry, ImageConfig, ImageHealthcheck } from '@slipway/plugin-api';
import { readDigest } from './descriptor-document.js';
import {
  asArray,
  asBoolean,
  asMap,
  asObject,
  asSize,
  asString,
  type DocumentKind,
  type DocumentNode,
  member,
  optional,
  parseDocument,
  present,
  refuse,
} from './document-node.js';
import { maxLayers } from './manifest-document.js';
import { quote } from './quote.js';

/** Bytes of an image configuration. Real ones have some 10 KiB. */
export const maxImageConfigSize = 8 * 1024 * 1024;

const document: DocumentKind = { what: 'image configuration', code: 'IMAGE_CONFIG', maxSize: maxImageConfigSize };

/**
 * Reads an image configuration (OCI image-spec, config.md) and checks the type of every field that Slipway knows; unknown ones are left out.
 *
 * Errors: `invalid-argument` (`IMAGE_CONFIG_INVALID`), `resource-exhausted` (`IMAGE_CONFIG_TOO_LARGE`).
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const node = parseDocument(bytes, document);
  return present<ImageConfig>({
    created: optional(member(node, 'created'), asString),
    author: optional(member(node, 'author'), asString),
    os: readName(member(node, 'os')),
    architecture: readName(member(node, 'architecture')),
    variant: optional(member(node, 'variant'), asString),
    config: optional(member(node, 'config'), readDefaults),
    rootfs: readRootfs(member(node, 'rootfs')),
    history: optional(member(node, 'history'), (list) => asArray(list, readHistoryEntry)),
  });
}

function readName(node: DocumentNode): string {
  const name = asString(node);
  if (name === '') throw refuse(node, 'is empty');
  return name;
}

function readRootfs(node: DocumentNode): ImageConfig['rootfs'] {
  const type = member(node, 'type');
  const name = asString(type);
  if (name !== 'layers') throw refuse(type, `is ${quote(name)}, expected "layers"`);
  const diffIds = optional(member(node, 'diff_ids'), (list) => asArray(list, readDigest, maxLayers)) ?? [];
  return { type: 'layers', diff_ids: diffIds };
}

function readDefaults(node: DocumentNode): ContainerDefaults {
  asObject(node);
  return present<ContainerDefaults>({
    User: optional(member(node, 'User'), asString),
    Env: optional(member(node, 'Env'), (list) => asArray(list, asString)),
    Entrypoint: optional(member(node, 'Entrypoint'), readCommand),
    Cmd: optional(member(node, 'Cmd'), readCommand),
    WorkingDir: optional(member(node, 'WorkingDir'), asString),
    Volumes: optional(member(node, 'Volumes'), readKeys),
    Labels: optional(member(node, 'Labels'), (map) => asMap(map, asString)),
    ExposedPorts: optional(member(node, 'ExposedPorts'), readKeys),
    StopSignal: optional(member(node, 'StopSignal'), asString),
    Healthcheck: optional(member(node, 'Healthcheck'), readHealthcheck),
    Shell: optional(member(node, 'Shell'), readCommand),
  });
}

/** Docker's extension (moby, image/spec/v1.2.md). */
function readHealthcheck(node: DocumentNode): ImageHealthcheck {
  asObject(node);
  return present<ImageHealthcheck>({
    Test: optional(member(node, 'Test'), readCommand),
    Interval: optional(member(node, 'Interval'), asSize),
    Timeout: optional(member(node, 'Timeout'), asSize),
    StartPeriod: optional(member(node, 'StartPeriod'), asSize),
    StartInterval: optional(member(node, 'StartInterval'), asSize),
    Retries: optional(member(node, 'Retries'), asSize),
  });
}

function readCommand(node: DocumentNode): string[] {
  if (typeof node.value === 'string')
    throw refuse(node, 'is a string, expected an array of strings', {
      hint: 'the image is malformed: a command line belongs into ["/bin/sh", "-c", "command line"]',
    });
  return asArray(node, asString);
}

/** A set written as a map to empty objects (config.md): what the keys map to has no meaning. */
function readKeys(node: DocumentNode): Readonly<Record<string, unknown>> {
  return asMap(node, () => ({}));
}

function readHistoryEntry(node: DocumentNode): HistoryEntry {
  return present<HistoryEntry>({
    created: optional(member(node, 'created'), asString),
    created_by: optional(member(node, 'created_by'), asString),
    author: optional(member(node, 'author'), asString),
    comment: optional(member(node, 'comment'), asString),
    empty_layer: optional(member(node, 'empty_layer'), asBoolean),
  });
}
