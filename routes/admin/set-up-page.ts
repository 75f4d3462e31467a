// The set-up wizard, and what stands first on the overview while the node is sealed or has no key.
import { setUpFacts } from '../../operator/admin/set-up-facts.ts';
import { setUpSteps } from '../../operator/admin/set-up-steps.ts';
import { SealedNotice } from '../../views/keys.tsx';
import { SetUpFirst, SetUpProgress, SetUpStepCard } from '../../views/set-up.tsx';
import type { AdminPage, PageRequest, Part } from './page.ts';

/** Each step of the set-up. */
export const setUpPage: AdminPage = {
  pattern: '/set-up',
  nav: 'overview',
  title: () => 'Set-up',
  parts: async ({ desk, status, may }) => {
    const steps = setUpSteps(await setUpFacts(desk, status));
    const next = steps.findIndex(({ state }) => state !== 'done');
    return [
      { id: 'progress', view: SetUpProgress({ steps }) },
      ...steps.map((step, at) => ({
        id: step.id,
        view: SetUpStepCard({ step, number: at + 1, isNext: at === next, may: ({ action }) => may(action) }),
      })),
    ];
  },
};

/** What comes before everything else: a sealed node is unsealed, a node without a key is set up. */
export function firstPart({ status, may }: PageRequest): Part {
  if (status.sealed) return { id: 'first', view: SealedNotice({ may: may('unseal') }) };
  return { id: 'first', view: status.key_id === null ? SetUpFirst() : null };
}
