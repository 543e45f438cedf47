import { homedir } from 'node:os';
import path from 'node:path';

/** Where docker, podman and skopeo keep credentials, as this process sees it. */
export interface AuthFilePlaces {
  /** Looked at in this order. */
  readonly files: readonly string[];
  /** What a new entry is written to: docker's file, which all of them read. */
  readonly preferred: string;
}

/**
 * A file that is named, in the configuration or in REGISTRY_AUTH_FILE, is the only one. Otherwise containers' files
 * come first (containers-auth.json(5)), then docker's.
 */
export function authFilePlaces(configured: string | undefined, env: NodeJS.ProcessEnv = process.env): AuthFilePlaces {
  const named = configured ?? set(env['REGISTRY_AUTH_FILE']);
  if (named !== undefined) return { files: [path.resolve(named)], preferred: path.resolve(named) };
  const home = set(env['HOME']) ?? homedir();
  const runtime = set(env['XDG_RUNTIME_DIR']);
  const runtimeFolder = runtime === undefined ? `/run/containers/${process.geteuid?.() ?? 0}` : path.join(runtime, 'containers');
  const docker = path.join(set(env['DOCKER_CONFIG']) ?? path.join(home, '.docker'), 'config.json');
  const files = [
    path.join(runtimeFolder, 'auth.json'),
    path.join(set(env['XDG_CONFIG_HOME']) ?? path.join(home, '.config'), 'containers/auth.json'),
    docker,
    path.join(home, '.docker/config.json'),
  ].map((file) => path.resolve(file));
  return { files: [...new Set(files)], preferred: path.resolve(docker) };
}

function set(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
