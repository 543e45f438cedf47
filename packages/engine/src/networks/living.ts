import { runOperation } from '../containers/state.js';
import { isRecorded, recordNames } from '../operations/records.js';

const prefix = runOperation('');

/**
 * Ids of the containers that may have networks now: there is a record of their run. Whether one is among them is looked up when it is asked, as others begin meanwhile: what was
 * found attached has had a record before.
 */
export class LivingContainers extends Set<string> {
  readonly #state: string;

  constructor(state: string) {
    super(
      recordNames(state)
        .filter((name) => name.startsWith(prefix))
        .map((name) => name.slice(prefix.length)),
    );
    this.#state = state;
  }

  override has(id: string): boolean {
    return isRecorded(this.#state, runOperation(id));
  }
}
