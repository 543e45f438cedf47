import type { ImageConfig } from '@slipway/plugin-api';
import * as v from 'valibot';
import { invalid } from './invalid.js';

/** The part of an image's config that says how its containers run, checked and with everything filled in. */
export interface ImageDefaults {
  readonly user: string;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly workdir: string;
  readonly stopSignal: string;
}

const text = v.nullish(v.string(), '');
const texts = v.nullish(v.array(v.string()), []);
// Docker reads a bare string as a list of one.
const bare = v.pipe(
  v.string(),
  v.transform((one) => [one]),
);
const command = v.nullish(v.union([v.array(v.string()), bare]), []);
const schema = v.object({ User: text, Env: texts, Entrypoint: command, Cmd: command, WorkingDir: text, StopSignal: text });

/** Null, absent and empty mean the same. Labels, volumes and ports say nothing about the process and are not looked at. Errors: `IMAGE_CONFIG_INVALID`. */
export function imageDefaults(image: ImageConfig): ImageDefaults {
  const parsed = v.safeParse(schema, image.config ?? {});
  if (!parsed.success) {
    const issue = parsed.issues[0];
    const field = ['config', v.getDotPath(issue)].filter((part) => part !== null).join('.');
    throw invalid(
      'IMAGE_CONFIG_INVALID',
      `The image's ${field} is ${kindOf(issue.input)}, expected ${issue.expected ?? 'another value'}`,
      {
        details: { field },
      },
    );
  }
  const { User, Env, Entrypoint, Cmd, WorkingDir, StopSignal } = parsed.output;
  return {
    user: User ?? '',
    env: Env ?? [],
    entrypoint: Entrypoint ?? [],
    cmd: Cmd ?? [],
    workdir: WorkingDir ?? '',
    stopSignal: StopSignal ?? '',
  };
}

/** Not the value itself: it may be long, or hold what must not be printed. */
function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `of type ${typeof value}`;
}
