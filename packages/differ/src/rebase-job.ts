import { deserialize } from 'node:v8';
import { type LayerNotes, rebaseLayer } from '@slipway/layers';
import { linux } from '@slipway/linux';
import type { RebaseJob } from './job.js';
import type { JobContext } from './job-context.js';

/** Puts a staged layer onto the trees below. */
export function rebaseJob({ target, notes, imageForm }: RebaseJob, { checkpoint, onWarning }: JobContext): void {
  rebaseLayer(target, deserialize(notes) as LayerNotes, { system: linux, imageForm, checkpoint, onWarning });
}
