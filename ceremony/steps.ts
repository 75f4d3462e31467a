// Work that can be done a step at a time. What signs or verifies hundreds of messages would hold a process up if it did
// them in one go; written as a generator, it says where others may go first, and stays as pure as it was.

/** Work in steps of roughly one message each. Abandoned work must be ended with `throw` or `return`, to erase secrets. */
export type Steps<Result> = Generator<undefined, Result, undefined>;

/** Does all of it now. */
export function atOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
