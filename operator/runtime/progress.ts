// What long work tells about itself while it runs; the CLI shows it on stderr, the control socket streams it.

/** One step of a longer piece of work: a short name, and a sentence for people. */
export interface ProgressStep {
  readonly step: string;
  readonly text: string;
  /** How long it may go on for at most, in ms; absent where nobody knows. */
  readonly remaining_ms?: number | undefined;
}

export type Progress = (step: ProgressStep) => void;

/** For callers that do not look. */
export const noProgress: Progress = () => {};
