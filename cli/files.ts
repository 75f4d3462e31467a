// Files named on the command line, read with a limit and written whole; `-` is standard input.

import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { absolutePath } from '../operator/config/paths.ts';
import { writeDurably } from '../operator/runtime/durable-file.ts';
import { FileError } from '../operator/runtime/file-fault.ts';
import type { CliContext } from './context.ts';
import { CliError } from './errors.ts';

/** What is exported (cards, transcripts) is public, so others may read it. */
const PUBLIC_FILE_MODE = 0o644;

/** Reads a file, or standard input for `-`; a `CliError` where that fails or it is larger than `bytesMax`. */
export async function readInput(context: CliContext, path: string, bytesMax: number): Promise<Uint8Array> {
  if (path === '-') return readStandardInput(context, bytesMax);
  const file = Bun.file(resolved(context, path));
  try {
    // One byte more than allowed tells a file that is too large without reading all of it.
    const bytes = await file.slice(0, bytesMax + 1).bytes();
    if (bytes.length > bytesMax) throw tooLarge(path, bytesMax);
    return bytes;
  } catch (error) {
    if (error instanceof CliError) throw error;
    if (codeOf(error) === 'ENOENT') throw new CliError(`${path} does not exist. Correct the path.`);
    throw new CliError(`${path} cannot be read (${codeOf(error)}).`);
  }
}

/**
 * Writes a file as text, public unless a mode is given; it is there whole or not at all. A `CliError` where something else than a file has that name,
 * or its folder is missing: a device would be replaced, and a folder that nobody meant would be made.
 */
export async function writeOutput(
  context: CliContext,
  path: string,
  text: string | Iterable<string>,
  mode: number = PUBLIC_FILE_MODE,
): Promise<void> {
  const whole = resolved(context, path);
  const folder = await stat(dirname(whole)).catch(() => null);
  if (folder?.isDirectory() !== true) {
    throw new CliError(`${path} cannot be written: there is no folder ${dirname(whole)}. Make it, or name another.`);
  }
  try {
    await writeDurably(whole, encoded(typeof text === 'string' ? [text] : text), mode);
  } catch (error) {
    if (error instanceof FileError && error.code === 'unusable') throw new CliError(`${error.message}.`);
    throw new CliError(`${path} cannot be written (${codeOf(error)}).`);
  }
}

function* encoded(parts: Iterable<string>): Generator<Uint8Array> {
  for (const part of parts) yield new TextEncoder().encode(part);
}

function readStandardInput({ surroundings, signal }: CliContext, bytesMax: number): Promise<Uint8Array> {
  const { stdin } = surroundings;
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const finish = (error: CliError | null) => {
      stdin.off('data', onData);
      stdin.off('end', onEnd);
      signal.removeEventListener('abort', onAbort);
      stdin.pause();
      if (error === null) resolve(Buffer.concat(chunks));
      else reject(error);
    };
    const onEnd = () => finish(null);
    const onAbort = () => finish(new CliError('Stopped.'));
    const onData = (chunk: Uint8Array) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > bytesMax) finish(tooLarge('Standard input', bytesMax));
    };
    stdin.on('data', onData);
    stdin.on('end', onEnd);
    signal.addEventListener('abort', onAbort);
    stdin.resume();
  });
}

function resolved({ surroundings }: CliContext, path: string): string {
  return absolutePath(path, surroundings.paths.workingDirectory, surroundings.paths.home);
}

function tooLarge(path: string, bytesMax: number): CliError {
  return new CliError(`${path} is larger than ${bytesMax} bytes.`);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown fault';
}
