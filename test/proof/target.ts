import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { TemplateSpec } from '../../domain/template.ts'
import type { ProviderConfig } from '../../platform/config.ts'
import { openConnection } from '../../ports/compute/docker/connection.ts'
import { createEgressGuard } from '../../ports/compute/docker/egress.ts'
import { egressRules } from '../../ports/compute/docker/egress-rules.ts'
import { createEngine } from '../../ports/compute/docker/engine.ts'
import { dockerSettings } from '../../ports/compute/docker/settings.ts'
import { plainTemplate } from '../setup/template.ts'

/** Where the sessions of a proof run, and what runs there: a web server that needs nothing. */
export interface ProofTarget {
  readonly provider: ProviderConfig
  readonly template: TemplateSpec
  /** Whether instances live on when a worker dies. The `fake` ones are in its memory: then workers must not be killed. */
  readonly outlivesWorkers: boolean
  /** What the backend needs once, and takes its time for. */
  prepare(): Promise<void>
}

/** Has Perl, and nothing else that is needed. */
const image = 'debian:bookworm-slim'
const perlServer = `
use IO::Socket::INET; $| = 1; $SIG{TERM} = sub { exit 0 };
my $s = IO::Socket::INET->new(LocalPort => 8080, Listen => 16, ReuseAddr => 1) or die;
while (my $c = $s->accept) { my $line = <$c>; print $c "HTTP/1.0 200 OK\\r\\nConnection: close\\r\\n\\r\\nhere"; close $c }`
const nodeServer = `require('node:http').createServer((q, a) => a.end('here')).listen(process.env.PORT, '127.0.0.1')`

const served: TemplateSpec = {
  ...plainTemplate,
  title: 'Proof',
  doors: { web: { protocol: 'http', port: 8080, modes: ['control'] } },
  readiness: { kind: 'http', port: 8080, path: '/', status: 200 },
  startLimitSeconds: 600,
}

/**
 * The target for a provider as it is configured. Whatever its id, the proof has a database and a deployment of its own:
 * it sees nothing of what else runs there. `directory`: for files of a `process` provider.
 */
export function proofTarget(provider: ProviderConfig, directory: string): ProofTarget {
  switch (provider.kind) {
    case 'docker':
      return {
        provider,
        template: {
          ...served,
          provider: { id: provider.id },
          image,
          command: ['perl', '-e', perlServer],
          user: { uid: 1_000, gid: 1_000 },
        },
        outlivesWorkers: true,
        prepare: async () => await prepareDocker(provider),
      }
    case 'process': {
      const stateDirectory = join(directory, 'process')
      const command = [process.execPath, '-e', nodeServer]
      const images = { proof: { command, readable: [join(process.execPath, '../..')] } }
      return {
        provider: { ...provider, settings: { ...provider.settings, stateDirectory, images } },
        // A process shares the network of its machine, and says so.
        template: {
          ...served,
          provider: { id: provider.id },
          image: 'proof',
          egress: 'internet',
          sizes: { small: { cpuMilli: 100, memoryMib: 1_024, diskMib: 0, gpus: 0 } },
        },
        outlivesWorkers: true,
        prepare: async () => void (await mkdir(stateDirectory, { recursive: true, mode: 0o711 })),
      }
    }
    case 'fake':
      return {
        provider: { ...provider, settings: { ...provider.settings, endpoint: 'serve' } },
        template: { ...plainTemplate, provider: { id: provider.id }, startLimitSeconds: 600 },
        outlivesWorkers: false,
        prepare: async () => {},
      }
    default:
      return provider.kind satisfies never
  }
}

const loopback = ['127.0.0.0/8']

/** A provider where none is configured: what this machine has under that name. */
export const localProvider = (kind: ProviderConfig['kind'], startLimit = 4): ProviderConfig => ({
  id: kind,
  kind,
  startLimit,
  networks: loopback,
  settings: kind === 'docker' ? { stopGraceSeconds: 1 } : {},
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
