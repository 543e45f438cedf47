import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { GenericSchema } from 'valibot';

/** The part of JSON Schema that comments and suggestions are made from. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
}

/**
 * The JSON Schema of a Standard Schema: of valibot's by its converter, of a library that implements Standard JSON Schema
 * by its own. Undefined for any other. The converter is imported only here, and only when comments or an error need it.
 */
export async function jsonSchemaOf(schema: StandardSchemaV1): Promise<JsonSchema | undefined> {
  const standard: object = schema['~standard'];
  if (schema['~standard'].vendor === 'valibot') {
    const { toJsonSchema } = await import('@valibot/to-json-schema');
    return toJsonSchema(schema as unknown as GenericSchema, { typeMode: 'input', errorMode: 'ignore' }) as JsonSchema;
  }
  if (!('jsonSchema' in standard)) return undefined;
  const { jsonSchema } = standard as { jsonSchema: { input(options: { target: string }): JsonSchema } };
  return jsonSchema.input({ target: 'draft-07' });
}
