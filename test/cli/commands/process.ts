// The command line as a process of its own, for tests of what only a process has: pipes, signals, exit codes.
import { commands } from '../../../cli/commands.ts';
import { main } from '../../../cli/main.ts';

await main(commands);
