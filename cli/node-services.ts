// What commands need of the node, loaded when it is used: `--help` and commands that a running server answers then start
// without opening databases or the like.
import type { NodeServices } from './services.ts';

/** The services of this executable. */
export const nodeServices: NodeServices = {
  runLocally: async (config, command, params, options) =>
    (await import('./compose.ts')).runHere(config, command, params, options),
  initialise: async (input) => (await import('./compose.ts')).initialiseHere(input),
  serve: async (config, options) => (await import('./compose.ts')).serve(config, options),
  verifyCeremony: async (file) => (await import('./compose.ts')).verifyCeremony(file),
};
