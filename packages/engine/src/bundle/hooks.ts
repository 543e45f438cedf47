import * as fs from 'node:fs';
import type { RuntimeHook, RuntimeHooks } from '@slipway/plugin-api';
import * as v from 'valibot';
import { checkAbsolutePath } from './absolute-path.js';
import { checkExecString, invalid, quote } from './invalid.js';

const hook = v.strictObject({
  path: v.string(),
  args: v.optional(v.array(v.string())),
  env: v.optional(v.array(v.string())),
  timeout: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(86_400))),
});
const list = v.optional(v.pipe(v.array(hook), v.maxLength(64)));
const schema = v.strictObject({
  createRuntime: list,
  createContainer: list,
  startContainer: list,
  poststart: list,
  poststop: list,
});

/**
 * Programs that the runtime starts beside a container. Their environment is what they name and nothing else: without a list they would
 * get that of whoever started the container. Errors: `HOOK_INVALID`.
 */
export function checkHooks(hooks: RuntimeHooks): RuntimeHooks {
  const parsed = v.safeParse(schema, hooks);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw invalid('HOOK_INVALID', `Hooks: ${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`, {
      hint: 'as in config.json: {"createRuntime":[{"path":"/usr/bin/true","args":["true"],"timeout":5}]}',
    });
  }
  return Object.fromEntries(
    Object.entries(parsed.output).map(([stage, hooks = []]) => [stage, hooks.map((one) => checkHook(stage, one))]),
  );
}

function checkHook(stage: string, { path, args, env = [], timeout }: v.InferOutput<typeof hook>): RuntimeHook {
  checkAbsolutePath('HOOK_INVALID', `Hook ${stage}`, path);
  // That one is a file of the container; all others are the host's.
  if (stage !== 'startContainer' && !isProgram(path))
    throw invalid('HOOK_INVALID', `Hook ${stage} ${quote(path)} is not a file that can be executed`, {
      hint: 'it is a program of this host',
    });
  for (const [index, arg] of (args ?? []).entries()) checkExecString(`Argument ${index} of hook ${stage}`, arg);
  for (const [index, entry] of env.entries()) {
    checkExecString(`Environment variable ${index} of hook ${stage}`, entry);
    if (!/^[^=]+=/s.test(entry))
      throw invalid('HOOK_INVALID', `Environment variable ${index} of hook ${stage} is not NAME=value`);
  }
  return { path, args: args ?? [path], env, ...(timeout === undefined ? {} : { timeout }) };
}

function isProgram(path: string): boolean {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true && (stat.mode & 0o111) !== 0;
}
