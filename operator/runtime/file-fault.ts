// Faults of the file system as sentences for an operator: which path, what is wrong with it, what to do.

const MEANINGS: Readonly<Record<string, string>> = {
  EACCES: 'permission is denied: it and its folder must be open to the user that runs mpc_operator',
  EDQUOT: 'the disk quota is used up: make room',
  EEXIST: 'a file is in the place of its folder: move the file away, or correct the path',
  EIO: 'the disk fails: look at the system log',
  EISDIR: 'it is a folder: name a file, or move the folder away',
  ELOOP: 'its symbolic links form a loop: correct them',
  EMFILE: 'this process has too many files open: end a flood of connections, or raise its limit (LimitNOFILE)',
  ENFILE: 'the system has too many files open: end what opens them',
  ENOENT: 'it is not there: make it, or correct the path',
  ENOSPC: 'no space is left: make room on its file system',
  ENOTDIR: 'a part of its path is not a folder: correct the path',
  EPERM: 'the system does not allow it: it must belong to the user that runs mpc_operator',
  EROFS: 'its file system is read-only: name a path that can be written, or mount it for writing',
};

/** A file that cannot be used; the message is a sentence without a full stop. */
export class FileError extends Error {
  /** The system's name of the fault (errno(3)), or `unusable`. */
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'FileError';
    this.code = code;
  }
}

/** The same fault as a `FileError`; null where it is none of the file system, or of no path and none is given. */
export function fileFault(error: unknown, path: string | null = null): FileError | null {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null;
  if (error instanceof FileError) return error;
  const own = 'path' in error && typeof error.path === 'string' ? error.path : null;
  const named = path ?? own;
  const meaning = MEANINGS[error.code];
  if (named === null || meaning === undefined) return null;
  return new FileError(error.code, `${named} cannot be used (${error.code}): ${meaning}`);
}

const DATABASE_FAULTS: readonly (readonly [code: string, meaning: string])[] = [
  ['SQLITE_READONLY', 'it and its folder must be writable by the user that runs mpc_operator'],
  ['SQLITE_CANTOPEN', 'it and its folder must be open to the user that runs mpc_operator, with free file descriptors'],
  ['SQLITE_PERM', 'it must belong to the user that runs mpc_operator'],
  ['SQLITE_FULL', 'no space is left: make room on its file system'],
  ['SQLITE_IOERR', 'the disk fails: look at the system log'],
];

/** A fault of the database's file, which its library tells without the path; null where it is none. */
export function databaseFault(error: unknown, path: string | null = null): FileError | null {
  if (!(error instanceof Error)) return null;
  if (!('code' in error) || typeof error.code !== 'string') return databaseFault(error.cause, path);
  const { code } = error;
  const found = DATABASE_FAULTS.find(([name]) => code.startsWith(name));
  const named = path === null ? 'a database of this node' : `the database ${path}`;
  return found === undefined ? null : new FileError(code, `${named} cannot be used (${code}): ${found[1]}`);
}
