import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Posix } from '../../db/schema.ts'
import type { TemplateSpec } from '../../domain/template.ts'
import type { ProviderConfig } from '../../platform/config.ts'
import { openConnection } from '../../ports/compute/docker/connection.ts'
import { createEgressGuard } from '../../ports/compute/docker/egress.ts'
import { egressRules } from '../../ports/compute/docker/egress-rules.ts'
import { createEngine } from '../../ports/compute/docker/engine.ts'
import { dockerSettings } from '../../ports/compute/docker/settings.ts'
import { openProvider } from '../../ports/compute/drivers.ts'
import type { ComputeProvider } from '../../ports/compute/provider.ts'
import { plainTemplate } from '../setup/template.ts'
import { pausable, perlImage, perlTemplate, processCommand, processTemplate } from './served.ts'

/** What an operator says about a target, beside the provider's configuration. */
export interface TargetChoice {
  readonly provider: ProviderConfig
  /** For files of a `process` provider. */
  readonly directory: string
  /** What runs there, in place of what the proof brings. */
  readonly template?: TemplateSpec
  /** In place of `debian:bookworm-slim`: where containers run, and its name is another one. */
  readonly image?: string
  /** As whom sessions run whose template has them run as their account. */
  readonly posix?: Posix
  /** The address of this machine for sessions whose template has them report their ports. */
  readonly here?: string
}

/** Where the sessions of a proof run, and what runs there: a web server that needs nothing. */
export interface ProofTarget {
  readonly provider: ProviderConfig
  readonly template: TemplateSpec
  /** Whether instances live on when a worker dies. The `fake` ones are in its memory: then workers must not be killed. */
  readonly outlivesWorkers: boolean
  /** What one call of the backend has, ms, where it is to be given up soon after it was seen to hang. */
  readonly callMs: number
  /** As whom sessions run whose template has them run as their account. */
  readonly posix: Posix | null
  /** The address of this machine for what runs there; `null`: it runs on this machine. */
  readonly here: string | null
  /** What it was made of: whoever has this makes the same. */
  readonly choice: TargetChoice
  /** What the backend needs once, and takes its time for. */
  prepare(): Promise<void>
}

/** How reports name it. */
export const nameOf = ({ provider: { id, kind } }: ProofTarget): string => (id === kind ? id : `${id} (${kind})`)

const near = 15_000
const far = 120_000

/**
 * The target for a provider as it is configured. Whatever its id, the proof has a database and a deployment of its own:
 * it sees nothing of what else runs there. Throws where nobody can say what is to run there but its operator, who did not.
 */
export function proofTarget(choice: TargetChoice): ProofTarget {
  const { provider } = choice
  const own = brought(choice)
  const template = choice.template ?? own.template
  if (template === null)
    throw new Error(`what runs at a provider of the kind ${provider.kind} must be said: name its template`)
  const { posix = null, here = null } = choice
  const unfit = unfitness(template, posix)
  if (unfit !== null) throw new Error(`the template does not fit: ${unfit}`)
  return { ...own, choice, posix, here, template: { ...template, provider: { id: provider.id } } }
}

/** Why the proof cannot start a template as it is, or not look through its door; `null`: it can. */
function unfitness({ doors, parameters, user }: TemplateSpec, posix: Posix | null): string | null {
  const { web } = doors
  if (web === undefined || web.protocol !== 'http' || !web.modes.includes('control'))
    return 'it needs a door web, of http, for control'
  if (web.secret !== undefined) return 'its door must let one in without a secret'
  if (user === 'account' && posix === null) return 'it runs as its account, and nobody said as whom that is'
  const asked = Object.entries(parameters).filter(([, { default: usual }]) => usual === undefined)
  return asked.length === 0 ? null : `nobody answers for its parameter ${asked.map(([name]) => name).join(', ')}`
}

type Brought = Omit<ProofTarget, 'choice' | 'template' | 'posix' | 'here'> & { readonly template: TemplateSpec | null }

/** What the proof brings for a kind of provider. */
function brought({ provider, directory, image = perlImage }: TargetChoice): Brought {
  const usual = { provider, outlivesWorkers: true, callMs: far, prepare: async () => {} }
  // By its words: more kinds are known to the configuration than the proof has something to run for.
  const kind: string = provider.kind
  switch (kind) {
    case 'docker':
      return {
        ...usual,
        callMs: near,
        template: perlTemplate(image),
        prepare: async () => await prepareDocker(provider),
      }
    case 'kubernetes':
      return { ...usual, template: pausable(perlTemplate(image)) }
    case 'process': {
      const stateDirectory = join(directory, 'process')
      const proof = { command: processCommand, readable: [join(process.execPath, '../..')] }
      // A record, or the driver says what is wrong with it.
      const images = { ...(provider.settings['images'] as object | undefined), proof }
      return {
        ...usual,
        callMs: near,
        provider: { ...provider, settings: { ...provider.settings, stateDirectory, images } },
        template: processTemplate,
        prepare: async () => void (await mkdir(stateDirectory, { recursive: true, mode: 0o711 })),
      }
    }
    case 'fake':
      return {
        ...usual,
        callMs: near,
        provider: { ...provider, settings: { ...provider.settings, endpoint: 'serve' } },
        template: { ...plainTemplate, startLimitSeconds: 600 },
        outlivesWorkers: false,
      }
    default:
      return { ...usual, template: null }
  }
}

/** The target's driver, as a worker opens it. Connects to nothing yet. */
export const openTarget = ({ provider }: ProofTarget): ComputeProvider =>
  openProvider({ ...provider, development: true, weakIsolationAllowedFor: [] })

const loopback = ['127.0.0.0/8']

/** A provider where none is configured: what this machine has under that name. */
export const localProvider = (
  kind: 'docker' | 'process' | 'fake',
  settings: ProviderConfig['settings'] = {},
): ProviderConfig => ({
  id: kind,
  kind,
  startLimit: 4,
  networks: loopback,
  settings: kind === 'docker' ? { stopGraceSeconds: 1, ...settings } : settings,
})

/** The image of the egress rules is built on the first use of a daemon, which takes a minute. */
async function prepareDocker(provider: ProviderConfig): Promise<void> {
  const settings = dockerSettings.parse(provider.settings)
  const connection = openConnection(settings)
  try {
    const guard = createEgressGuard(createEngine(connection.docker, 10 * 60_000), egressRules(settings))
    await guard.ensure({ signal: AbortSignal.timeout(10 * 60_000) })
  } finally {
    connection.close()
  }
}
