import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import type { Posix } from '../../db/schema.ts'
import type { ProviderConfig } from '../../platform/config.ts'
import { dockerProviderSettings } from '../../stack/docker.ts'
import type { DockerPlace } from '../../stack/docker.ts'
import { partNames } from './part.ts'
import type { Part } from './part.ts'
import { parts } from './parts.ts'
import { localProvider } from './target.ts'

export const help = `npm run prove [-- options]

Proves on this machine, with servers of its own, that nothing leaks, overshoots or hangs, and says what it found.

  --only <parts>       ${partNames.join(',')}; all when left out
  --provider <name>    where sessions run: the id of a provider in CARREL_PROVIDERS (or CARREL_PROVIDERS_FILE), or
                       docker, process, fake as this machine has them. Docker when left out, or the only one configured.
                       The proof has a database and a deployment of its own, and touches nothing else that runs there.
                       Instances of fake live in a worker's memory: with it, no worker is killed.
  --image <name>       the image of containers, with Perl in it; debian:bookworm-slim when left out
  --template <file>    what runs there instead: the spec of a template, in JSON, that needs no parameters and no mounts.
                       Providers of other kinds than docker, kubernetes, process and fake need it.
  --user <n:uid:gid>   as whom sessions run, where the template has them run as their account
  --here <address>     how sessions reach this machine, where the template has them report their ports. Their reports are
                       then taken at all of its addresses; at 127.0.0.1 alone when left out
  --seed <number>      the same seed makes the same plans; a random one when left out
  --rounds <number>    how many rounds of each part; its own number (100 of kill) when left out
  --duration <time>    how long all parts may take together: 90s, 30m, 2h; 2h when left out
  --report <file>      writes <file>.md and <file>.json

Exit code 0: all that was asked for was tried, without a breach. 1: a breach, or something could not be tried, or the
rounds that --rounds names were not reached in the time. Ctrl-C ends what runs, and reports what was found.
`

/** What an operator asks for. */
export interface ProveOptions {
  readonly parts: readonly Part[]
  readonly provider: string | undefined
  readonly image: string | undefined
  /** A file. */
  readonly template: string | undefined
  readonly posix: Posix | undefined
  readonly here: string | undefined
  readonly seed: number
  readonly rounds: number | undefined
  readonly durationMs: number
  readonly report: string | undefined
}

/** Reads the command line; `help` where that is all that is asked. Throws, in words, what is wrong with it. */
export function optionsOf(args: readonly string[]): ProveOptions | 'help' {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean' },
      only: text,
      provider: text,
      image: text,
      template: text,
      user: text,
      here: text,
      seed: text,
      rounds: text,
      duration: text,
      report: text,
    },
  })
  if (values.help === true) return 'help'
  return {
    parts: chosen(values.only),
    provider: values.provider,
    image: values.image,
    template: values.template,
    posix: values.user === undefined ? undefined : userOf(values.user),
    here: values.here,
    seed: values.seed === undefined ? randomInt(1, 1_000_000) : wholeNumber('--seed', values.seed),
    rounds: values.rounds === undefined ? undefined : wholeNumber('--rounds', values.rounds),
    durationMs: timeOf(values.duration ?? '2h'),
    report: values.report,
  }
}

/** The provider of that name as it is configured, else as this machine has one: its Docker daemon is found as `docker` finds it. */
export function providerOf(
  named: string | undefined,
  configured: readonly ProviderConfig[],
  docker: DockerPlace,
): ProviderConfig {
  const found = named === undefined ? configured[0] : configured.find(({ id }) => id === named)
  if (found !== undefined && (named !== undefined || configured.length === 1)) return found
  if (named === undefined && configured.length > 1)
    throw new Error(`--provider must name one of ${configured.map(({ id }) => id).join(', ')}`)
  if (named === undefined || named === 'docker')
    return localProvider('docker', { ...dockerProviderSettings(docker), stopGraceSeconds: 1 })
  if (named === 'process' || named === 'fake') return localProvider(named)
  throw new Error(`there is no provider ${named} in CARREL_PROVIDERS, and this machine has none of that name`)
}

function chosen(only: string | undefined): readonly Part[] {
  if (only === undefined) return parts
  const names = only.split(',')
  const unknown = names.filter((name) => !parts.some((part) => part.name === name))
  if (unknown.length > 0) throw new Error(`there is no part ${unknown.join(', ')}; there are ${partNames.join(', ')}`)
  return parts.filter(({ name }) => names.includes(name))
}

function wholeNumber(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`${option} must be a whole number`)
  return Number(text)
}

function userOf(text: string): Posix {
  const [, user, uid, gid] = /^([^:]+):(\d{1,9}):(\d{1,9})$/.exec(text) ?? []
  if (user === undefined) throw new Error('--user must be like ada:2001:2001')
  return { user, uid: Number(uid), gid: Number(gid), gids: [] }
}

function timeOf(text: string): number {
  const [, number, unit] = /^(\d+)(s|m|h)$/.exec(text) ?? []
  if (number === undefined) throw new Error('--duration must be like 90s, 30m or 2h')
  return Number(number) * (unit === 'h' ? 3_600_000 : unit === 'm' ? 60_000 : 1_000)
}
