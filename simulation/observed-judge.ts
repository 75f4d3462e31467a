// A node's judge with an eye on what it approves.
import type { Intent } from '../ceremony/intent.ts';
import type { SchemeName } from '../crypto/scheme.ts';
import { Judge, type JudgeInput } from '../operator/validation/validation.ts';
import type { Judgement } from '../operator/validation/verdict.ts';

/** Sees each judgement begin and end. */
export interface JudgementWatch {
  begins(intent: Intent): (judgement: Judgement) => void;
}

/** Puts another judgement in the place of the honest one: how self-tests and liars break a node. */
export type Overrule = (honest: Judgement, intent: Intent, scheme: SchemeName) => Judgement;

export class ObservedJudge extends Judge {
  readonly #watch: JudgementWatch;
  readonly #overrule: Overrule | null;

  constructor(input: JudgeInput, watch: JudgementWatch, overrule: Overrule | null) {
    super(input);
    this.#watch = watch;
    this.#overrule = overrule;
  }

  override async judge(intent: Intent, keyId: string, scheme: SchemeName, peer?: number): Promise<Judgement> {
    const ends = this.#watch.begins(intent);
    const honest = await super.judge(intent, keyId, scheme, peer);
    const judgement = this.#overrule?.(honest, intent, scheme) ?? honest;
    ends(judgement);
    return judgement;
  }
}
