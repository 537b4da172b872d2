import Docker from 'dockerode'
import { namesOf } from '../../ports/compute/docker/names.ts'
import { marksOf } from '../../ports/compute/marks.ts'
import { createDockerProvider } from '../../ports/compute/docker/provider.ts'
import { dockerSettings } from '../../ports/compute/docker/settings.ts'
import type { ComputeProvider, InstanceSpec } from '../../ports/compute/provider.ts'
import type { Timings } from '../../domain/timings.ts'
import type { ManyHarness } from '../conformance/compute-facets.ts'
import type { InstanceKey } from '../conformance/compute-harness.ts'
import { eachOf } from '../conformance/many-by-creating.ts'
import type { SiteOptions } from '../setup/site.ts'
import { plainTemplate } from '../setup/template.ts'
import { plainSpec } from '../setup/plain-spec.ts'
import { dockerLeftovers } from '../support/leftovers/docker.ts'

export const socketPath = '/var/run/docker.sock'
export const docker = new Docker({ socketPath })
export const baseImage = 'debian:bookworm-slim'

/** A web server in the Perl that the base image has. It ends at SIGTERM, as a good program does. */
const serverProgram = `
use IO::Socket::INET; $| = 1; $SIG{TERM} = sub { exit 0 };
my $s = IO::Socket::INET->new(LocalPort => 8080, Listen => 16, ReuseAddr => 1) or die; print "listening on 8080\\n";
while (my $c = $s->accept) {
  my ($path) = <$c> =~ /^GET (\\S+)/; my $body = ''; if (open(my $f, '<', $path)) { local $/; $body = <$f> // '' }
  print $c "HTTP/1.0 200 OK\\r\\nConnection: close\\r\\n\\r\\n$body"; close $c
}`

/** Answers 200 on port 8080 with the file that the path names. */
export const serverSpec = (key: InstanceKey): InstanceSpec => ({
  ...key,
  ...plainSpec,
  image: baseImage,
  command: ['perl', '-e', serverProgram],
  secret: `secret of ${key.sessionId}`,
  resources: { sessions: 1, cpuMilli: 500, memoryMib: 64, diskMib: 512, gpus: 0 },
  user: { uid: 1000, gid: 1000, gids: [] },
  readiness: { kind: 'http', port: 8080, path: '/', status: 200 },
})

export function openDocker(
  settings: Readonly<Record<string, unknown>> = {},
  networks = ['127.0.0.0/8'],
): ComputeProvider {
  const parsed = dockerSettings.parse({ dockerHost: `unix://${socketPath}`, stopGraceSeconds: 1, ...settings })
  return createDockerProvider(parsed, { networks })
}

/** What the local daemon has of the deployment, asked beside the driver. */
export const leftovers = async (deploymentId: string): Promise<string[]> => await dockerLeftovers(docker, deploymentId)

/** Containers that a driver lists, and that never ran: as one is between its making and its start. */
export const manyContainers: ManyHarness = {
  make: (keys) =>
    eachOf(keys, async (key) => {
      const object = { name: namesOf(key).object, Labels: marksOf(serverSpec(key)) }
      await docker.createContainer({ ...object, Image: baseImage, Cmd: ['true'] })
    }),
  unmake: (keys) =>
    eachOf(keys, async (key) => {
      const container = docker.getContainer(namesOf(key).object)
      await container.remove({ force: true }).catch(() => undefined)
    }),
}

/** What a program in the container prints; it may fail. */
export async function inside(containerId: string, command: string[]): Promise<string> {
  const exec = await docker.getContainer(containerId).exec({ Cmd: command, AttachStdout: true, AttachStderr: true })
  const stream = await exec.start({})
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array))
  const raw = Buffer.concat(chunks)
  let text = ''
  for (let at = 0; at + 8 <= raw.length; at += 8 + raw.readUInt32BE(at + 4))
    text += raw.toString('utf8', at + 8, at + 8 + raw.readUInt32BE(at + 4))
  return text
}

export async function containerOf(key: Pick<InstanceKey, 'name' | 'deploymentId'>): Promise<string> {
  const filters = { label: [`carrel.deployment=${key.deploymentId}`, `carrel.name=${key.name}`] }
  const [container] = await docker.listContainers({ all: true, filters })
  if (container === undefined) throw new Error(`no container of ${key.name}`)
  return container.Id
}

/** An installation with one Docker provider, named as the stage's fake is, whose one template is a small web server. */
export function dockerSite(timings: Partial<Timings> = {}): SiteOptions {
  const { command } = serverSpec({ name: '', deploymentId: '', sessionId: '' as never, generation: 1 })
  return {
    configuration: {
      providers: [
        {
          id: 'fake',
          kind: 'docker',
          startLimit: 4,
          networks: ['127.0.0.0/8'],
          settings: { dockerHost: `unix://${socketPath}`, stopGraceSeconds: 1 },
        },
      ],
      templates: [
        {
          name: 'trivial',
          spec: {
            ...plainTemplate,
            image: baseImage,
            command,
            user: { uid: 1000, gid: 1000 },
            doors: { web: { protocol: 'http', port: 8080, modes: ['control'] } },
            readiness: { kind: 'http', port: 8080, path: '/', status: 200 },
          },
        },
      ],
      quotaDefaults: {},
    },
    timings: {
      databaseTimeoutMs: 2_000,
      workflowTaskMs: 3_000,
      heartbeatMs: 2_000,
      providerRetryMs: 200,
      providerRetryMaxMs: 1_000,
      observeBusyMs: 300,
      observeIdleMs: 500,
      removeTimeoutMs: 20_000,
      ...timings,
    },
  }
}
