// Checks of files: who can read and change what the node keeps, and what lies beside its keys.
import { SCRYPT_WORK_FACTOR_DEFAULT } from '../../crypto/seal.ts';
import type { Facts, FileFact } from './facts.ts';
import { type Check, type Finding, fail, NO_SERVER, pass, unseen, warn } from './verdicts.ts';

const BY_OTHERS = 0o077;
// The cookie is the account's of bitcoind, which may share it with a group.
const BY_ANYBODY = 0o007;

/** In the order in which they are shown. */
export const FILE_CHECKS: readonly Check[] = [
  { id: 'config_file', title: 'Configuration file', judge: ({ files }) => changedByNobody([files.config]) },
  { id: 'key_file_mode', title: 'Key file: mode and owner', judge: ({ files }) => ofThisUserAlone([files.keyFile]) },
  { id: 'tls_key_mode', title: 'TLS key: mode and owner', judge: ({ files }) => ofThisUserAlone([files.tlsKey]) },
  { id: 'databases_mode', title: 'Databases: mode and owner', judge: ({ files }) => ofThisUserAlone(files.databases) },
  { id: 'control_socket', title: 'Control socket', judge: controlSocket },
  { id: 'folders', title: 'Folders of the node', judge: folders },
  { id: 'rpc_credentials', title: 'Bitcoin RPC credentials', judge: rpcCredentials },
  { id: 'executable', title: 'Executable', judge: ({ files }) => changedByNobody([files.executable]) },
  { id: 'key_file_sealed', title: 'Key file is encrypted', judge: keyFileSealed },
  { id: 'key_file_work', title: 'Key file: work of a guess', judge: keyFileWork },
  { id: 'plain_copies', title: 'No key in the clear', judge: plainCopies },
  { id: 'passphrase_place', title: 'Passphrase apart from keys', judge: passphrasePlace },
];

function changedByNobody(files: readonly FileFact[]): Finding {
  for (const { path, found, flaw } of files) {
    if (found === null) return fail(`there is none at ${path}`, 'put it back from a backup');
    if (flaw !== null) return fail(`${path} ${flaw.problem}`, commandOf(flaw.remedy));
  }
  return pass(`${listed(files)}: nobody else can change it`);
}

// The first has to be there; the others come and go.
function ofThisUserAlone(files: readonly FileFact[]): Finding {
  const [first] = files;
  if (first?.found === null) return fail(`there is none at ${first.path}`, 'put it back from a backup');
  for (const { path, found, flaw } of files) {
    if (found === null) continue;
    if (flaw !== null) return fail(`${path} ${flaw.problem}`, commandOf(flaw.remedy));
    if ((found.mode & BY_OTHERS) !== 0) {
      return fail(`other users may read ${path} (mode ${octal(found.mode)})`, `run: chmod go= ${path}`);
    }
  }
  return pass(`${listed(files.filter(({ found }) => found !== null))}: for this user alone`);
}

function controlSocket({ files: { socket, socketFolder }, process }: Facts): Finding {
  const { path, found, flaw } = socketFolder;
  if (process === null) return NO_SERVER;
  if (found === null || socket.found === null) {
    return fail(`there is no socket at ${socket.path}`, 'restart the server, or correct "control_socket"');
  }
  if (flaw !== null) return fail(`${path} ${flaw.problem}`, commandOf(flaw.remedy));
  // Whoever may enter the folder and write the socket commands the node.
  if ((found.mode & BY_OTHERS) !== 0 && (socket.found.mode & BY_OTHERS) !== 0) {
    return fail(`other users reach ${socket.path} (mode ${octal(socket.found.mode)})`, `run: chmod go= ${path}`);
  }
  return pass(`${socket.path}: for this user alone`);
}

function folders({ files }: Facts): Finding {
  for (const { path, found, flaw } of files.folders) {
    if (flaw !== null) return fail(`${path} ${flaw.problem}`, commandOf(flaw.remedy));
    if (found !== null && (found.mode & BY_OTHERS) !== 0) {
      return warn(`other users may look into ${path} (mode ${octal(found.mode)})`, `run: chmod go= ${path}`);
    }
  }
  return pass(`${listed(files.folders)}: closed to others`);
}

function rpcCredentials({ files: { credentials } }: Facts): Finding {
  const { kind, files } = credentials;
  if (kind === 'environment') {
    return warn(
      'the password stands in the environment, which processes of this user can read',
      'put it into a file of mode 0600 and name that in "bitcoin_rpc_password_file"',
    );
  }
  if (!files.some(({ found }) => found !== null)) {
    return unseen(
      `there is no file ${files.map(({ path }) => path).join(' or ')}`,
      'set "bitcoin_rpc_cookie_file", or "bitcoin_rpc_user" and "bitcoin_rpc_password_file"',
    );
  }
  for (const { path, found } of files) {
    if (found !== null && (found.mode & BY_ANYBODY) !== 0) {
      return fail(`other users may read ${path} (mode ${octal(found.mode)})`, `run: chmod o= ${path}`);
    }
  }
  return pass(`${listed(files.filter(({ found }) => found !== null))}: closed to others`);
}

function keyFileSealed({ keyFile, files }: Facts): Finding {
  const { path } = files.keyFile;
  if (keyFile === null) return fail(`${path} cannot be read`, 'put it back from a backup');
  if (keyFile.isSealed) return pass(`${path} is an age file under a passphrase`);
  return fail(
    `${path} is not encrypted under a passphrase`,
    'end the server, encrypt it with `age -p -a` (docs/OPERATING.md, "By hand, without this program"), and delete the plain file',
  );
}

function keyFileWork({ keyFile, files }: Facts): Finding {
  const { path } = files.keyFile;
  const told = keyFile?.workFactor ?? null;
  if (told === null)
    return unseen(`${path} names no work factor`, 'look at the file: its second line begins "-> scrypt"');
  if (told >= SCRYPT_WORK_FACTOR_DEFAULT) return pass(`a guess of the passphrase costs 2^${told}`);
  return fail(
    `a guess of the passphrase costs 2^${told} instead of 2^${SCRYPT_WORK_FACTOR_DEFAULT}`,
    'make a backup and restore it: that seals the key file anew (`mpc_operator restore key-share`)',
  );
}

function plainCopies({ keyFile }: Facts): Finding {
  const copies = keyFile?.plainCopies ?? null;
  if (copies === null) {
    return unseen('not all files beside the key file can be looked at', 'keep nothing but the node in its folder');
  }
  if (copies.length === 0) return pass('no file beside the key file holds a key in the clear');
  return fail(
    `these hold keys in the clear: ${copies.join(', ')}`,
    `delete them for good: shred -u ${copies.join(' ')}`,
  );
}

function passphrasePlace({ keyFile }: Facts): Finding {
  const beside = keyFile?.passphraseBeside ?? null;
  if (beside === null) return pass('no passphrase file lies beside the key file');
  return warn(
    `the passphrase file ${beside} lies beside the key file, so one copy of the folder takes both`,
    'let systemd give it as a credential (`mpc_operator service install`), or move it',
  );
}

function listed(files: readonly FileFact[]): string {
  const [first, ...others] = files.map(({ path }) => path);
  return others.length === 0 ? `${first}` : `${first} and ${others.length} more`;
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

function commandOf(remedy: string): string {
  const text = remedy.replace(/\.$/, '');
  return text.charAt(0).toLowerCase() + text.slice(1);
}
