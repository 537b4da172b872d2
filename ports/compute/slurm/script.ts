import type { InstanceSpec } from '../provider.ts'
import { reportEnvironment } from '../report-environment.ts'

export interface Preparation {
  readonly modules: readonly string[]
  /** Lines of sh. */
  readonly setup: readonly string[]
}

/**
 * What Slurm runs on the node: sh, for every one there is. It lays the session's secrets into a directory of its own, whose files
 * nobody else may read, prepares the node and runs the command; when that ends, or Slurm asks it to, nothing of it is left. It
 * starts once: one that the cluster restarts ends at once, and so does one that is not the user that it was made for.
 * Secrets are never words of a command: those are seen by everybody on the node.
 */
export function jobScript(
  spec: Pick<InstanceSpec, 'name' | 'command' | 'secret' | 'report'>,
  user: { readonly name: string; readonly uid: number },
  { modules, setup }: Preparation,
): string {
  const { report } = spec
  const told = report === null ? {} : reportEnvironment(report)
  const exported = Object.entries({ CARREL_INSTANCE: spec.name, ...told })
  return [
    '#!/bin/sh',
    '[ "${SLURM_RESTART_COUNT:-0}" = 0 ] || exit 0',
    `[ "$(id -u)" = ${user.uid} ] || { echo "This job was made for another user." >&2; exit 126; }`,
    `HOME=~${user.name} USER=${user.name} LOGNAME=${user.name}`,
    'carrel_umask=$(umask)',
    'umask 077',
    'carrel_private=',
    `trap '${clearing}' EXIT`,
    // Before its command begins, too: a signal that nobody traps ends some shells without their EXIT.
    `trap 'exit 143' TERM INT HUP`,
    `carrel_private=$(${deaf}; mktemp -d "\${TMPDIR:-/tmp}/carrel.XXXXXXXXXX") || exit 125`,
    // printf is the shell's own, so this makes no process.
    `printf %s ${quoted(spec.secret)} >"$carrel_private/secret" || exit 125`,
    'CARREL_SECRET_FILE=$carrel_private/secret',
    ...(report === null
      ? []
      : [
          `printf %s ${quoted(report.token)} >"$carrel_private/report" || exit 125`,
          'CARREL_REPORT_TOKEN_FILE=$carrel_private/report',
        ]),
    ...exported.map(([name, value]) => `${name}=${quoted(value)}`),
    `export HOME USER LOGNAME CARREL_SECRET_FILE${report === null ? '' : ' CARREL_REPORT_TOKEN_FILE'} ${exported.map(([name]) => name).join(' ')}`,
    'umask "$carrel_umask"',
    'cd -- "$HOME" 2>/dev/null || cd /tmp || exit 125',
    ...(modules.length === 0 ? [] : [findModules]),
    ...modules.map((module) => `module load ${quoted(module)} || exit 125`),
    ...setup,
    `set -- ${(spec.command ?? []).map(quoted).join(' ')}`,
    '"$@" &',
    'carrel_child=$!',
    // What asks the shell to end asks the command, and the secrets do not wait for it.
    `trap '${clearing}; kill -TERM "$carrel_child" 2>/dev/null' TERM INT HUP`,
    'wait "$carrel_child"; carrel_status=$?',
    // A signal ends the wait, not the command.
    'while kill -0 "$carrel_child" 2>/dev/null; do wait "$carrel_child"; carrel_status=$?; done',
    'exit "$carrel_status"',
    '',
  ].join('\n')
}

/** Slurm asks all processes of a job to end at once, also those that make or clear the directory. */
const deaf = 'trap "" TERM INT HUP'
const clearing = `(${deaf}; rm -rf -- "$carrel_private")`

/** A shell that nobody logs in by knows no modules until it is told of them. */
const findModules =
  'command -v module >/dev/null 2>&1 || for carrel_init in /etc/profile.d/*lmod.sh /etc/profile.d/modules.sh; do ' +
  '[ -r "$carrel_init" ] && . "$carrel_init" && break; done'

/** One word for sh, whatever is in it. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
