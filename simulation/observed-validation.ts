// A node's validation with an eye on what it approves.
import type { Intent } from '../ceremony/intent.ts';
import type { SchemeName } from '../crypto/scheme.ts';
import { Validation, type ValidationInput } from '../operator/validation/validation.ts';
import type { Verdict } from '../operator/validation/verdict.ts';

/** Sees each verdict begin and end. */
export interface VerdictWatch {
  begins(intent: Intent): (verdict: Verdict) => void;
}

/** Puts another verdict in the place of the honest one: how self-tests and liars break a node. */
export type Overrule = (honest: Verdict, intent: Intent, scheme: SchemeName) => Verdict;

export class ObservedValidation extends Validation {
  readonly #watch: VerdictWatch;
  readonly #overrule: Overrule | null;

  constructor(input: ValidationInput, watch: VerdictWatch, overrule: Overrule | null) {
    super(input);
    this.#watch = watch;
    this.#overrule = overrule;
  }

  override async validateMeaning(intent: Intent, keyId: string, scheme: SchemeName, peer?: number): Promise<Verdict> {
    const ends = this.#watch.begins(intent);
    const honest = await super.validateMeaning(intent, keyId, scheme, peer);
    const verdict = this.#overrule?.(honest, intent, scheme) ?? honest;
    ends(verdict);
    return verdict;
  }
}
