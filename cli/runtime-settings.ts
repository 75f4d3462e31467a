// The runtime inside the executable obeys variables of its own: BUN_OPTIONS can load code into this process,
// BUN_INSPECT opens a debugger, BUN_CONFIG_VERBOSE_FETCH prints requests, NODE_TLS_REJECT_UNAUTHORIZED trusts any
// server. An operator needs none of them, so the executable does not start if one is set. It cannot undo what the
// runtime did before this code ran, and BUN_BE_BUN makes it run other code altogether: whoever sets the environment of
// a process controls it. See SECURITY.

const REFUSED = /^(BUN_.*|NODE_OPTIONS|NODE_TLS_REJECT_UNAUTHORIZED)$/;
// Set by the runtime's own installer in many shells, and read by its package manager alone.
const HARMLESS = /^BUN_INSTALL/;

/** What is wrong with the environment, as a sentence with the remedy; null where nothing is. */
export function runtimeSettingsProblem(env: Readonly<Record<string, string | undefined>>): string | null {
  const found = Object.keys(env).filter((name) => REFUSED.test(name) && !HARMLESS.test(name));
  if (found.length === 0) return null;
  const names = found.sort().join(', ');
  const remedy = `start it by \`env ${found.map((name) => `-u ${name}`).join(' ')} mpc_operator …\``;
  return `${names} in the environment would change how this program runs: ${remedy}, or UnsetEnvironment= in its unit`;
}
