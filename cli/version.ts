// The version of this software, taken from package.json when the executable is built.
import packageJson from '../package.json' with { type: 'json' };

export const VERSION: string = packageJson.version;
