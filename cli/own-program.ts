// How this program starts itself again, for work in a process of its own.

/** The command that runs this program: the executable alone, or the runtime, whatever its file is called, and the sources. */
export function ownProgram(
  isExecutable: boolean = Bun.isStandaloneExecutable,
  runtime: string = process.execPath,
  main: string = Bun.main,
): readonly string[] {
  return isExecutable ? [runtime] : [runtime, main];
}
