// Puts the node together: operator services, the peer listener and the control socket, for as long as a command or the
// server runs. The one place of cli/ that knows of listeners.

import type { z } from 'zod';
import { verifyCeremonyFile } from '../ceremony/ceremony-file.ts';
import { ceremonyFileSchema } from '../ceremony/transcript.ts';
import { zeroize } from '../crypto/bytes.ts';
import { adminCertificate, adminHosts } from '../operator/admin/admin-certificate.ts';
import { AdminDesk } from '../operator/admin/desk.ts';
import { keepBackups } from '../operator/backups/backup-schedule.ts';
import { commands, runFor } from '../operator/commands.ts';
import type { OperatorConfig } from '../operator/config/config.ts';
import { processPaths } from '../operator/config/paths.ts';
import type { PassphrasePurpose } from '../operator/config/secrets-input.ts';
import { Notifier } from '../operator/incidents/notifier.ts';
import { runNotify } from '../operator/incidents/notify-command.ts';
import { initialise } from '../operator/initialise.ts';
import { LOCK_WAIT_MS, runLocally } from '../operator/local.ts';
import { closeNode, type Node, openNode, unsealNode } from '../operator/node.ts';
import type { NodeInput } from '../operator/opened-node.ts';
import { PublicDesk } from '../operator/public-desk.ts';
import { CommandError } from '../operator/runtime/command-error.ts';
import {
  type CommandName,
  type CommandParams,
  type CommandResults,
  commandParams,
} from '../operator/runtime/command-types.ts';
import { systemEffects } from '../operator/runtime/effects.ts';
import { databaseFault, fileFault } from '../operator/runtime/file-fault.ts';
import { createLog, errorText, type Log, silentLog } from '../operator/runtime/log.ts';
import { LEFT_OUT_REPORT_MS, LogLimiter } from '../operator/runtime/log-limit.ts';
import type { Problem } from '../operator/runtime/problems.ts';
import { duties } from '../operator/service-report.ts';
import { nodeMetrics } from '../operator/status/metrics.ts';
import { statusReport } from '../operator/status/status-report.ts';
import { createAdminApp } from '../routes/admin/app.ts';
import { type AdminListener, listenForAdmin } from '../routes/admin-listen.ts';
import {
  type ControlCommand,
  ControlError,
  controlCommand,
  createControlApp,
  listenControl,
} from '../routes/control.ts';
import { openGate } from '../routes/gate.ts';
import { listenMetrics, type MetricsListener } from '../routes/metrics.ts';
import { publicRoutes } from '../routes/public.ts';
import { listenForPublic, type PublicListener } from '../routes/public-listen.ts';
import { databasePath } from '../store/open.ts';
import { isBug, plainJson } from './call.ts';
import { coreDumpProblem } from './core-dumps.ts';
import { type LogOutlet, LogWriter, standardError } from './log-writer.ts';
import { ownProgram } from './own-program.ts';
import { serviceManager } from './sd-notify.ts';
import type { CeremonyVerdict, InitialiseInput, InitialiseResult, LocalRunOptions, ServeOptions } from './services.ts';
import { VERSION } from './version.ts';

/** How often it is looked whether people should be notified, in ms. */
const NOTIFY_INTERVAL_MS = { regtest: 1_000, other: 15_000 } as const;

/**
 * Runs the node until the signal aborts and everything is closed. `outlet`: where its log goes.
 * Throws named errors where it cannot start.
 */
export async function serve(
  config: OperatorConfig,
  options: ServeOptions,
  outlet: LogOutlet = standardError,
): Promise<void> {
  const writer = new LogWriter(outlet);
  try {
    await serveLogged(config, options, writer);
  } finally {
    await writer.settled();
  }
}

async function serveLogged(config: OperatorConfig, options: ServeOptions, writer: LogWriter): Promise<void> {
  const limiter = new LogLimiter(createLog(writer.take, systemEffects.now), systemEffects);
  const { log } = limiter;
  const input = nodeInput(config, log, () => present(coreDumpProblem(), writer.problem()));
  const manager = serviceManager(process.env);
  let isStopping = false;
  const onSealing = (listening: string | null): void => {
    if (!isStopping) manager.status(sealingText(listening));
  };
  const node = opened({ ...input, onSealing });
  const stopBackups = keepBackups({
    config,
    effects: systemEffects,
    log,
    make: (output, recipient) => backUpApart(config, output, recipient),
  });
  const stopNotifying = startNotifying(node);
  const stopReporting = systemEffects.every(LEFT_OUT_REPORT_MS, () => limiter.report());
  const stopBeats = manager.keepAlive(systemEffects.every);
  try {
    const onFault = (command: string, error: unknown): void =>
      log('error', 'command_failed', { command, detail: errorText(error) });
    const start = Promise.withResolvers<void>();
    // It is waited for by whoever calls meanwhile; where nobody does, its failure is that of this function alone.
    start.promise.catch(() => {});
    const app = createControlApp(controlCommands(node, start.promise), { version: VERSION, onFault });
    const { passphrase } = options;
    const control = await listenControl(config.controlSocket, app);
    if (!control.ok) throw new CommandError(control.reason, control.detail);
    const metrics = startMetrics(node, log);
    const admin = await startAdmin(node, log);
    let open: PublicListener | null = null;
    try {
      await begin(node, passphrase).then(start.resolve, (error: unknown) => {
        start.reject(error);
        throw error;
      });
      open = openToPublic(node);
      log('info', 'started', {
        version: VERSION,
        index: config.myIndex,
        network: config.network,
        sealed: passphrase === null,
      });
      // An operator who starts a server should know whether it moves money by itself.
      log('info', 'service', { does: duties(node).join(' ') });
      manager.ready(sealingText(node.online?.gate.address ?? null));
      await aborted(options.signal);
      isStopping = true;
      manager.stopping();
      log('info', 'stopping');
    } finally {
      await Promise.all([control.listener.stop(), metrics?.stop(), open?.stop(), admin?.stop()]);
    }
  } finally {
    stopBackups();
    stopNotifying();
    await closeNode(node);
    stopBeats();
    stopReporting();
    limiter.report();
  }
}

// The text that `systemctl status` shows.
function sealingText(listening: string | null): string {
  return listening === null ? 'sealed: run mpc_operator unseal' : `listening on ${listening}`;
}

// In a process of its own, by the very command that an operator has; it tells this server when it is done.
async function backUpApart({ file }: OperatorConfig, output: string, recipient: string): Promise<void> {
  const flags = ['--config', file, '--output', output, '--recipient', recipient];
  const child = Bun.spawn([...ownProgram(), 'backup', 'database', ...flags], {
    ...{ stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' },
  });
  const [code, said] = await Promise.all([child.exited, child.stderr.text()]);
  if (code !== 0) throw new Error(said.trim().split('\n')[0] ?? `it ended with ${code}`);
}

// Also while the node is sealed: that is something to notify people of.
function startNotifying(node: Node): () => void {
  const { config, store, input } = node;
  const { notifyCommand: command } = config;
  if (command === null) return () => {};
  const stop = new AbortController();
  const notifier = new Notifier({
    ...{ config, db: store.db, effects: input.effects, log: input.log },
    problems: async () => (await statusReport(node)).problems,
    run: (message) => runNotify({ command, home: input.home, signal: stop.signal }, message),
  });
  node.notifier = notifier;
  const interval = config.network === 'regtest' ? NOTIFY_INTERVAL_MS.regtest : NOTIFY_INTERVAL_MS.other;
  const stopRounds = input.effects.every(interval, () => void notifier.round());
  return () => {
    stopRounds();
    notifier.close();
    stop.abort();
  };
}

// A node does its work without metrics too; whoever scrapes them notices that nobody answers.
function startMetrics(node: Node, log: Log): MetricsListener | null {
  const { metricsAddress } = node.config;
  try {
    const listener = listenMetrics(metricsAddress, () => nodeMetrics(node));
    log('info', 'metrics_served', { address: listener.address });
    return listener;
  } catch (error) {
    log('info', 'metrics_not_served', { address: metricsAddress.text, detail: errorText(error) });
    return null;
  }
}

// As with metrics, a node does its work without its pages. A server that has no users yet says how the first is made.
async function startAdmin(node: Node, log: Log): Promise<{ stop(): Promise<void> } | null> {
  const { config, input } = node;
  const onFault = (error: unknown): void => log('error', 'admin_failed', { detail: errorText(error) });
  try {
    const certificate = await adminCertificate(config, input.effects.now());
    const desk = new AdminDesk(node, {
      told: (error) => toldText(error, config),
      onFault: (_command, error) => onFault(error),
    });
    const { app, close } = createAdminApp({ desk, hosts: adminHosts(config), onFault });
    const listener = listenForAdmin(config.adminAddress, certificate, (request, origin) => app.fetch(request, origin));
    await tellAdmin(desk, listener, log);
    const stop = async (): Promise<void> => {
      close();
      await listener.stop();
      desk.close();
    };
    return { stop };
  } catch (error) {
    log('info', 'admin_not_served', { address: config.adminAddress.text, detail: errorText(error) });
    return null;
  }
}

async function tellAdmin(desk: AdminDesk, { port }: AdminListener, log: Log): Promise<void> {
  const { host } = desk.node.config.adminAddress;
  const name = /^(127\.|::1$|0\.0\.0\.0$|::$)/.test(host) ? 'localhost' : host;
  const url = `https://${name}:${port}`;
  log('info', 'admin_served', { url });
  if (await desk.hasUsers()) return;
  const token = desk.invitations.add({ user: null, role: 'admin', by: null });
  log('info', 'admin_set_up', { open: `${url}/join/${token}`, note: 'makes the first admin, once, within 24 h' });
}

// An expected "no" is a sentence for the operator; a bug stays in the log.
function toldText(given: unknown, config: OperatorConfig): { readonly code: string; readonly message: string } | null {
  const error = namedFault(given, config);
  if (!(error instanceof Error) || isBug(error)) return null;
  return { code: error instanceof CommandError ? error.code : error.name, message: error.message };
}

function openToPublic(node: Node): PublicListener | null {
  const { publicAddress } = node.config;
  if (publicAddress === null) return null;
  const { monotonic } = systemEffects;
  const routes = publicRoutes({ desk: new PublicDesk(node), version: VERSION, monotonic: () => monotonic() });
  const listener = listenForPublic(publicAddress, (request, origin) => routes.fetch(request, origin));
  node.input.log('info', 'public_api', { address: listener.address });
  return listener;
}

// Commands that come before its end wait for it: a node that answers is as open as its passphrase file makes it, and one
// whose key file is being opened is not one that does not run.
async function begin(node: Node, passphrase: Uint8Array | null): Promise<void> {
  if (passphrase !== null) await unsealNode(node, textAndZero(passphrase));
}

/** Runs a command in this process. */
export async function runHere<C extends CommandName>(
  config: OperatorConfig,
  command: C,
  params: CommandParams<C>,
  options: LocalRunOptions,
): Promise<CommandResults[C]> {
  const { progress, signal, credentials = [] } = options;
  const passphrase = async (): Promise<string> => textAndZero(await options.passphrase());
  const passphraseIfAny = async (): Promise<string | null> => {
    const bytes = await options.passphraseIfAny();
    return bytes === null ? null : textAndZero(bytes);
  };
  const input = nodeInput(config, silentLog, () => present(coreDumpProblem()));
  try {
    return await runLocally(input, command, params, { progress, signal, passphrase, passphraseIfAny, credentials });
  } catch (error) {
    throw namedFault(error, config);
  }
}

/** Sets a node up. */
export async function initialiseHere(input: InitialiseInput): Promise<InitialiseResult> {
  const { env } = processPaths();
  const passphrase = async (purpose: PassphrasePurpose) => textAndZero(await input.passphrase(purpose));
  return initialise({ ...input, env, passphrase, effects: systemEffects });
}

/** Checks an exported ceremony offline. */
export function verifyCeremony(file: unknown): Promise<CeremonyVerdict> {
  const verdict = verifyCeremonyFile(file);
  const transcript = ceremonyFileSchema.safeParse(file).data?.transcript ?? null;
  if (!verdict.ok) return Promise.resolve({ transcript, problems: verdict.problems, treasuryRoot: null });
  return Promise.resolve({ transcript, problems: [], treasuryRoot: verdict.summary.treasuryRoot });
}

function nodeInput(config: OperatorConfig, log: Log, processProblems: () => readonly Problem[]): NodeInput {
  const { home, env } = processPaths();
  return { config, version: VERSION, home, env, effects: systemEffects, log, openGate, processProblems };
}

function opened(input: NodeInput): Node {
  try {
    return openNode(input, { access: 'write', lockWaitMs: LOCK_WAIT_MS });
  } catch (error) {
    throw namedFault(error, input.config);
  }
}

// A fault of the file system by its path, which the runtime and the database's library do not always tell.
function namedFault(error: unknown, { securityDbPath }: OperatorConfig): unknown {
  return fileFault(error) ?? databaseFault(error, databasePath(securityDbPath)) ?? error;
}

function present(...found: readonly (Problem | null)[]): readonly Problem[] {
  return found.filter((one) => one !== null);
}

type Schemas = { readonly [C in CommandName]: z.ZodType<CommandParams<C>> };
const schemas: Schemas = commandParams;

function controlCommands(node: Node, started: Promise<void>): Readonly<Record<string, ControlCommand>> {
  const names = Object.keys(commandParams).filter((name): name is CommandName => Object.hasOwn(commands, name));
  return Object.fromEntries(names.map((name) => [name, commandOf(node, name, started)]));
}

function commandOf<C extends CommandName>(node: Node, name: C, started: Promise<void>): ControlCommand {
  return controlCommand({
    params: schemas[name],
    run: async (params, progress, signal, credentials) => {
      try {
        await started;
        return plainJson(await runFor(node, name, params, { progress, signal }, credentials));
      } catch (error) {
        throw asControlError(namedFault(error, node.config));
      }
    },
  });
}

// An expected "no" reaches the caller as it is; a bug stays in the log.
function asControlError(error: unknown): unknown {
  if (!(error instanceof Error) || isBug(error)) return error;
  return new ControlError(error instanceof CommandError ? error.code : error.name, error.message);
}

function textAndZero(passphrase: Uint8Array): string {
  try {
    return textOf(passphrase);
  } finally {
    zeroize(passphrase);
  }
}

function textOf(passphrase: Uint8Array): string {
  return new TextDecoder().decode(passphrase);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
