// The commands, in the order in which an operator meets them; `--help` lists them so.
import type { Command } from 'commander';
import { registerAttest, registerTestAttestation } from './attest.ts';
import { registerAudit } from './audit.ts';
import { registerBackup } from './backup.ts';
import { registerBump } from './bump.ts';
import type { Cli } from './call.ts';
import { registerCeremony } from './ceremony.ts';
import { registerChecklist } from './checklist.ts';
import { registerCompletion } from './completion.ts';
import { registerConfig } from './config.ts';
import { registerConsolidateFees, registerTestConsolidateFees } from './consolidate-fees.ts';
import { registerContacts } from './contacts.ts';
import type { CliContext } from './context.ts';
import { registerDepositAddress } from './deposit-address.ts';
import { registerDeposits } from './deposits.ts';
import { registerDkg } from './dkg.ts';
import { registerEmergency } from './emergency.ts';
import { registerFees } from './fees.ts';
import { registerGenerateReport } from './generate-report.ts';
import { registerHold } from './hold.ts';
import { registerIncidents } from './incident.ts';
import { registerInit } from './init.ts';
import { registerKeyInfo } from './key-info.ts';
import { registerMan } from './man.ts';
import { registerMonitoring } from './monitoring.ts';
import { nodeServices } from './node-services.ts';
import { registerPeer } from './peer.ts';
import { registerPolicy } from './policy.ts';
import type { CommandModule } from './program.ts';
import { registerRequests } from './requests.ts';
import { registerRestore } from './restore.ts';
import { registerSeal } from './seal.ts';
import { registerSecurityCheck } from './security-check.ts';
import { registerServer } from './server.ts';
import { registerService } from './service.ts';
import { registerServiceUnit } from './service-install.ts';
import type { NodeServices } from './services.ts';
import { registerSimulate } from './simulate.ts';
import { registerStatus } from './status.ts';
import { registerTestBurn } from './test-burn.ts';
import { registerTestCommunication } from './test-communication.ts';
import { registerTestSigning } from './test-signing.ts';
import { registerTls } from './tls.ts';
import { registerTreasury } from './treasury.ts';
import { registerUnseal } from './unseal.ts';
import { registerUser } from './user.ts';
import { registerVeto } from './veto.ts';
import { registerVoid } from './void.ts';
import { registerWithdraw } from './withdraw.ts';
import { registerWithdrawals } from './withdrawals.ts';

const REGISTRATIONS: readonly ((program: Command, cli: Cli) => void)[] = [
  registerInit,
  registerConfig,
  registerUser,
  registerPeer,
  registerTls,
  registerDkg,
  registerKeyInfo,
  registerCeremony,
  registerBackup,
  registerRestore,
  registerServer,
  registerServiceUnit,
  registerUnseal,
  registerSeal,
  registerStatus,
  registerSecurityCheck,
  registerChecklist,
  registerContacts,
  registerIncidents,
  registerTreasury,
  registerTestCommunication,
  registerTestSigning,
  registerTestAttestation,
  registerTestBurn,
  registerTestConsolidateFees,
  registerService,
  registerEmergency,
  registerPolicy,
  registerDepositAddress,
  registerAttest,
  registerWithdraw,
  registerBump,
  registerHold,
  registerFees,
  registerConsolidateFees,
  registerVoid,
  registerVeto,
  registerRequests,
  registerDeposits,
  registerWithdrawals,
  registerAudit,
  registerGenerateReport,
  registerMonitoring,
  registerSimulate,
  registerCompletion,
  registerMan,
];

/** Adds every command to the program. `services` stands for the node itself; tests give their own. */
export function registerCommands(program: Command, context: CliContext, services: NodeServices = nodeServices): void {
  for (const register of REGISTRATIONS) register(program, { context, services });
}

/** The commands as modules of `createProgram` and `runCli`. */
export function commandModules(services: NodeServices = nodeServices): readonly CommandModule[] {
  return [{ register: (program, context) => registerCommands(program, context, services) }];
}

/** The commands of the executable. */
export const commands: readonly CommandModule[] = commandModules();
