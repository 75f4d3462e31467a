// Coordinators that know nothing against any peer: each is the signing service as after a start of the node, with nonces at
// hand and a few signatures behind it. Each then signs once; a second time it would ask whoever failed it last.
import { Signing } from '../operator/signing/signing.ts';
import type { SigningInput } from '../operator/signing/signing-input.ts';
import { wallMs } from './measure.ts';
import { type Coordinator, signMessage } from './signing-rounds.ts';

/** So that the usual times of answers are known. */
const SIGNATURES_BEFORE = 6;
/** Prepared side by side: more would only wait for each other. */
const LANES = 4;

export class ColdCoordinators {
  readonly #ready: Coordinator[] = [];

  /** Makes so many, while all peers are well. */
  async prepare(node: Coordinator, input: SigningInput, count: number): Promise<void> {
    let left = count;
    const lane = async (): Promise<void> => {
      while (left-- > 0) {
        const cold = { ...node, signing: new Signing(input) };
        for (let i = 0; i < SIGNATURES_BEFORE; i++) await signMessage(cold, `before ${i}`);
        this.#ready.push(cold);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  /** Has so many of them sign, one after the other; how long each took, in ms. Throws where one does not sign. */
  async sign(count: number): Promise<readonly number[]> {
    const times: number[] = [];
    for (const cold of this.#ready.splice(0, count)) {
      const begun = wallMs();
      await signMessage(cold, `cold ${times.length}`);
      times.push(wallMs() - begun);
      cold.signing.close();
    }
    return times;
  }
}
