import type { ErofsForm } from '@slipway/layers';
import type { LayerFormat } from '@slipway/plugin-api';

/** What one differ is, of those that work in this way. */
export interface DifferChoice {
  /** Its plugin's name, as a config file has it. */
  readonly plugin: string;
  readonly writes: readonly LayerFormat[];
  /** What an `erofs` target becomes. */
  readonly imageForm?: ErofsForm | undefined;
}

/** Of a {@link DifferChoice} in a plugin's container. */
export const differToken = 'slipway:differ';
