import type { Cgroup } from './cgroup.ts';

/** An engine with an empty store, ready for one image; disposing of it stops its daemon. */
export interface Session extends AsyncDisposable {
  /** Pulls and unpacks the image. */
  readonly pull: readonly string[];
  /** Pulls when all is there; absent when the contender has no notion of that. */
  readonly pullAgain?: readonly string[] | undefined;
  /** Runs `true` in a new container of the image and removes it. The id is new each time. */
  run(id: string): readonly string[];
  /** What is done with a container that stays. */
  readonly lasting?: LastingContainer | undefined;
  /** Runs `true` that many times from inside one process, which prints a JSON array of milliseconds. */
  runInProcess?(times: number): readonly string[];
}

/** Commands for a container that runs {@link patientCommand} until it is told to end. */
export interface LastingContainer {
  /** In the background. */
  start(id: string): readonly string[];
  /** Runs `true` in it. */
  exec(id: string): readonly string[];
  /** SIGTERM, and waits for the end. */
  stop(id: string): readonly string[];
  remove(id: string): readonly string[];
}

/** Process 1 does not end of SIGTERM unless it says so itself. */
export const patientCommand = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 3600 & wait $!; done'];

export interface Contender {
  readonly name: string;
  /** Programs that must be there. */
  readonly needs: readonly string[];
  open(folder: string, image: string, cgroup: Cgroup): Promise<Session>;
}
