// Files in one piece, as `tar` makes and reads them (POSIX.1-1988 ustar), so that a backup can be unpacked by hand. Written
// here because its buffers hold secrets and must be erased, which the runtime's own archives do not do.
import { utf8 } from '../../crypto/bytes.ts';

/** One file of an archive. */
export interface ArchivedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const BLOCK_BYTES = 512;
const NAME_BYTES_MAX = 100;
const FILES_MAX = 256;
/** Two empty blocks end an archive. */
const END_BYTES = 2 * BLOCK_BYTES;
const MODE = '0000600';
/** Where the header's fields begin, and how many bytes they have. */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 8],
} as const;
const FILE_TYPES: ReadonlySet<string> = new Set(['0', '']);
const FOLDER_TYPE = '5';
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;

/**
 * Writes files one after the other, mode 0600. `at` in ms since 1970 is their time. Throws on a name that would not stay in
 * the folder it is unpacked in. The result is on a buffer of its own: zero it where files are secret.
 */
export function writeArchive(files: readonly ArchivedFile[], at: number): Uint8Array {
  const size = files.reduce((total, { bytes }) => total + BLOCK_BYTES + padded(bytes.length), END_BYTES);
  const archive = new Uint8Array(new ArrayBuffer(size));
  let offset = 0;
  for (const { name, bytes } of files) {
    if (name.length > NAME_BYTES_MAX || !NAME.test(name)) throw new Error(`${name} cannot be the name of a file`);
    archive.set(header(name, bytes.length, at), offset);
    archive.set(bytes, offset + BLOCK_BYTES);
    offset += BLOCK_BYTES + padded(bytes.length);
  }
  return archive;
}

/**
 * The files of an archive, as views into it; null where it is none, or holds anything but plain files of proper names.
 * Never throws.
 */
export function readArchive(archive: Uint8Array): readonly ArchivedFile[] | null {
  const files: ArchivedFile[] = [];
  for (let offset = 0; offset + BLOCK_BYTES <= archive.length; ) {
    const block = archive.subarray(offset, offset + BLOCK_BYTES);
    if (block.every((byte) => byte === 0)) return files;
    const size = octal(field(block, 'size'));
    const end = offset + BLOCK_BYTES + (size ?? 0);
    if (size === null || end > archive.length || octal(field(block, 'checksum')) !== checksum(block)) return null;
    if (!field(block, 'magic').startsWith('ustar') || files.length >= FILES_MAX) return null;
    const [name, type] = [field(block, 'name').replace(/^\.\//, ''), field(block, 'type')];
    if (type !== FOLDER_TYPE) {
      const isNew = !files.some((file) => file.name === name);
      if (!FILE_TYPES.has(type) || !NAME.test(name) || !isNew) return null;
      files.push({ name, bytes: archive.subarray(offset + BLOCK_BYTES, end) });
    }
    offset += BLOCK_BYTES + padded(size);
  }
  return null;
}

function header(name: string, size: number, at: number): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  const put = (of: keyof typeof FIELDS, text: string): void => block.set(utf8(text), FIELDS[of][0]);
  put('name', name);
  put('mode', MODE);
  put('uid', '0000000');
  put('gid', '0000000');
  put('size', size.toString(8).padStart(11, '0'));
  put(
    'mtime',
    Math.max(0, Math.floor(at / 1000))
      .toString(8)
      .padStart(11, '0'),
  );
  put('type', '0');
  put('magic', 'ustar\u000000');
  put('checksum', `${checksum(block).toString(8).padStart(6, '0')}\u0000 `);
  return block;
}

// The sum of the header's bytes, its own field counted as spaces.
function checksum(block: Uint8Array): number {
  const [from, length] = FIELDS.checksum;
  return block.reduce((sum, byte, at) => sum + (at >= from && at < from + length ? 0x20 : byte), 0);
}

// Up to the first zero byte, as the fields of a header are written.
function field(block: Uint8Array, of: keyof typeof FIELDS): string {
  const [from, length] = FIELDS[of];
  const bytes = block.subarray(from, from + length);
  const end = bytes.indexOf(0);
  return new TextDecoder('latin1').decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function octal(text: string): number | null {
  const digits = text.trim();
  return /^[0-7]{1,11}$/.test(digits) ? Number.parseInt(digits, 8) : null;
}

function padded(length: number): number {
  return Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES;
}
