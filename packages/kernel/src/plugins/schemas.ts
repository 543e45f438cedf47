import type { StandardSchemaV1 } from '@standard-schema/spec';

/** A plugin's own section of the configuration and the schema that checks it. */
export interface PluginSchema {
  readonly package: string;
  /** Its key in `[plugin]`. */
  readonly section: string;
  readonly schema: StandardSchemaV1 | undefined;
}
