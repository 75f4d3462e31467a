// The executable: every word of the command line leads to a command of cli/.
import { commandModules } from './cli/commands.ts';
import { main } from './cli/main.ts';

await main(commandModules());
