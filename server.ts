// The executable: every word of the command line leads to a command of cli/.
import { forbidCoreDumps } from './cli/core-dumps.ts';
import { runtimeSettingsProblem } from './cli/runtime-settings.ts';

// Before anything else is loaded, let alone read: a crash at any later moment leaves no secret on the disk.
forbidCoreDumps();

const problem = Bun.isStandaloneExecutable ? runtimeSettingsProblem(process.env) : null;
if (problem !== null) {
  console.error(`mpc_operator: ${problem}.`);
  process.exit(1);
}

const [{ commandModules }, { main }] = await Promise.all([import('./cli/commands.ts'), import('./cli/main.ts')]);
await main(commandModules());
