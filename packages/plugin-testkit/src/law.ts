import { type ChildOptions, type RunningChild, runChild, type Signalling, startChild } from './children/child-process.js';
import type { LawRunner } from './law-runner.js';
import { type OpenSubject, type Subject, temporaryRoot } from './subject.js';

/** What a law is given: a fresh subject on a root of its own. Whatever it opens or starts through this is gone after the law. */
export interface LawContext<T> {
  readonly root: string;
  readonly subject: Subject<T>;
  readonly instance: T;
  /** A second subject on the same root, as another process would have it. */
  open(): Promise<Subject<T>>;
  /** Disposes the first subject and opens the root again. */
  reopen(): Promise<Subject<T>>;
  /** Another process that opens the root and does these operations, one after the other. */
  start<O>(operations: readonly O[], at?: Signalling): RunningChild;
  /** The same while this process stands still; the outcomes of all. */
  run<O>(operations: readonly O[]): readonly string[];
}

export type Law<T> = (name: string, body: (context: LawContext<T>) => Promise<void>) => void;

/** Laws on a fresh subject each. `child` says how other processes open it. */
export function lawsOn<T>(runner: LawRunner, open: OpenSubject<T>, child?: Omit<ChildOptions, 'root'>): Law<T> {
  return (name, body) =>
    runner.it(name, async () => {
      await using place = await temporaryRoot();
      await using opened = new AsyncDisposableStack();
      const { root } = place;
      const openOwned = async (): Promise<Subject<T>> => opened.use(await open(root));
      const childOptions = (): ChildOptions => {
        if (child === undefined) throw new Error(`law "${name}" needs other processes: give the suite the option "module"`);
        return { ...child, root };
      };
      const subject = await openOwned();
      await body({
        root,
        subject,
        instance: subject.instance,
        open: openOwned,
        async reopen() {
          await subject[Symbol.asyncDispose]();
          return await openOwned();
        },
        start: (operations, at) => opened.use(startChild(childOptions(), operations, at)),
        run: (operations) => runChild(childOptions(), operations),
      });
    });
}
