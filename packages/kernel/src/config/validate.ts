import type { StandardSchemaV1 } from '@standard-schema/spec';
import { suggestion } from '../nearest.js';
import type { Problem } from '../problem.js';
import { type JsonSchema, jsonSchemaOf } from './json-schema.js';
import { concealed, isSecret } from './secret.js';
import { describeSource, type MergedConfig } from './source.js';
import { type KeyPath, spellKey, valueAt } from './table.js';

export type Validated<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Checks the part of the configuration at `base` against a schema; every problem names file, line, key, found and expected. */
export async function validateConfig<T>(
  schema: StandardSchemaV1<unknown, T>,
  config: MergedConfig,
  base: KeyPath = [],
): Promise<Validated<T>> {
  const found = base.length === 0 ? config.table : valueAt(config.table, base);
  const result = await schema['~standard'].validate(found ?? {});
  if (result.issues === undefined) return { ok: true, value: result.value };
  const problems: Problem[] = [];
  for (const issue of result.issues) problems.push(await issueProblem(schema, issue, config, base));
  return { ok: false, problems };
}

/** What valibot says beyond the Standard Schema. */
interface DetailedIssue extends StandardSchemaV1.Issue {
  readonly type?: unknown;
  readonly expected?: unknown;
  readonly received?: unknown;
}

async function issueProblem(
  schema: StandardSchemaV1,
  issue: DetailedIssue,
  config: MergedConfig,
  base: KeyPath,
): Promise<Problem> {
  const inner = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part));
  const path = [...base, ...inner];
  const where = describeSource(config.sourceOf(path), path);
  const key = spellKey(path);
  const value = valueAt(config.table, path);
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    const valid = propertiesAt(await jsonSchemaOf(schema), inner.slice(0, -1));
    return {
      kind: 'invalid-argument',
      code: 'CONFIG_UNKNOWN_KEY',
      message: `${where}: unknown key "${key}"`,
      hint: suggestion(inner.at(-1) ?? '', valid),
    };
  }
  if (value === undefined) {
    return {
      kind: 'invalid-argument',
      code: 'CONFIG_MISSING_KEY',
      message: `configuration: key "${key}" is missing, expected ${expectedType(await jsonSchemaOf(schema), inner)}`,
      hint: `set ${key} in a config file`,
    };
  }
  return {
    kind: 'invalid-argument',
    code: 'CONFIG_INVALID_VALUE',
    message: `${where}: key "${key}": found ${show(concealed(value, path))}, expected ${expectation(issue, path)}`,
  };
}

/** valibot's own expectation where its message is the generic one, a schema's own words otherwise. */
function expectation(issue: DetailedIssue, path: KeyPath): string {
  const generic = /^Invalid [a-z ]+: Expected /.test(issue.message);
  if (generic && typeof issue.expected === 'string') return readable(issue.expected);
  // The words of another library may quote what they refuse.
  return isSecret(path) ? 'another value' : issue.message;
}

function readable(expected: string): string {
  const words: Readonly<Record<string, string>> = {
    Object: 'a table',
    Array: 'a list',
    string: 'a string',
    boolean: 'true or false',
  };
  return expected
    .split(' | ')
    .map((word) => words[word.replaceAll(/[()]/g, '')] ?? word)
    .join(' or ');
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function propertiesAt(schema: JsonSchema | undefined, path: KeyPath): string[] {
  return Object.keys(schemaAt(schema, path)?.properties ?? {});
}

function expectedType(schema: JsonSchema | undefined, path: KeyPath): string {
  const type = schemaAt(schema, path)?.type;
  return type === undefined ? 'a value' : `a value of type ${[type].flat().join(' or ')}`;
}

function schemaAt(schema: JsonSchema | undefined, path: KeyPath): JsonSchema | undefined {
  let at = schema;
  for (const key of path) at = at?.properties?.[key] ?? additional(at);
  return at;
}

function additional(schema: JsonSchema | undefined): JsonSchema | undefined {
  return typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}
