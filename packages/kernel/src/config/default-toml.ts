import type { PluginSchema } from '../plugins/schemas.js';
import { type JsonSchema, jsonSchemaOf } from './json-schema.js';
import { configSchema } from './schema.js';
import { type ConfigTable, isTable, type KeyPath, spellKey } from './table.js';

/**
 * The default configuration as a TOML file that explains itself: every value in effect, with what the schemas say of it as comments.
 * What has no default is commented out.
 */
export async function defaultToml(defaults: ConfigTable, plugins: readonly PluginSchema[]): Promise<string> {
  const { stringify } = await import('smol-toml');
  const lines: string[] = [];
  const root = (await jsonSchemaOf(configSchema)) ?? {};
  const assignment = (key: string, value: unknown): string => stringify({ [key]: value }).trimEnd();
  writeTable(lines, [], root, defaults, assignment);
  for (const { section, package: name, schema } of plugins) {
    const json = schema === undefined ? undefined : await jsonSchemaOf(schema);
    if (json?.properties === undefined || Object.keys(json.properties).length === 0) continue;
    lines.push('', `# Settings of ${name}.`);
    writeTable(lines, ['plugin', section], json, {}, assignment);
  }
  return `${lines.join('\n').trim()}\n`;
}

type Assignment = (key: string, value: unknown) => string;

function writeTable(lines: string[], path: KeyPath, schema: JsonSchema, values: ConfigTable, assignment: Assignment): void {
  if (path.length > 0) lines.push(`[${spellKey(path)}]`);
  const inner: [string, JsonSchema][] = [];
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const value = Object.hasOwn(values, key) ? values[key] : property.default;
    if (property.properties !== undefined || isTable(value)) {
      inner.push([key, property]);
      continue;
    }
    writeComment(lines, property);
    if (value !== undefined) lines.push(assignment(key, value));
    else if (isTableSchema(property)) lines.push(`# [${spellKey([...path, key, 'NAME'])}]`);
    else lines.push(`# ${spellKey([key])} = ${example(property)}`);
  }
  for (const [key, property] of inner) {
    lines.push('');
    writeComment(lines, property);
    const value = values[key] ?? property.default;
    const filled = isTable(value) ? value : {};
    if (property.properties !== undefined) writeTable(lines, [...path, key], property, filled, assignment);
    else lines.push(...openTable([...path, key], filled, assignment));
  }
}

/** A table whose keys are the user's to choose. */
function openTable(path: KeyPath, values: ConfigTable, assignment: Assignment): string[] {
  const entries = Object.entries(values);
  if (entries.length === 0) return [`# [${spellKey([...path, 'NAME'])}]`];
  const plain = entries.filter(([, value]) => !isTable(value)).map(([key, value]) => assignment(key, value));
  const tables = entries.flatMap(([key, value]) => (isTable(value) ? openTable([...path, key], value, assignment) : []));
  return [...(plain.length > 0 ? [`[${spellKey(path)}]`, ...plain] : []), ...tables];
}

function writeComment(lines: string[], { description }: JsonSchema): void {
  if (description !== undefined) lines.push(...description.split('\n').map((line) => `# ${line}`));
}

function isTableSchema(schema: JsonSchema): boolean {
  return [schema.type].flat().includes('object');
}

function example({ type }: JsonSchema): string {
  switch ([type].flat()[0]) {
    case 'number':
    case 'integer':
      return '0';
    case 'boolean':
      return 'false';
    case 'array':
      return '[]';
    default:
      return '""';
  }
}
