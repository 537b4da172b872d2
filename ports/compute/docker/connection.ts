import { readFileSync } from 'node:fs'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { join } from 'node:path'
import { inspect } from 'node:util'
import Docker from 'dockerode'
import { createBackendReach } from '../backend-reach.ts'
import type { BackendReach } from '../backend-reach.ts'
import type { DockerSettings } from './settings.ts'
import { openSshAgent } from './ssh.ts'

export interface Connection {
  readonly docker: Docker
  close(): void
}

/** dockerode hands the agent down to its modem; its types do not name it. */
type Options = Docker.DockerOptions & { readonly agent: HttpAgent }

/** What the modem would otherwise take from the process's environment is set, so that the settings alone decide. */
const nothingFromEnvironment = {
  socketPath: undefined,
  host: undefined,
  port: undefined,
  username: undefined,
  ca: undefined,
  cert: undefined,
  key: undefined,
  timeout: undefined,
  protocol: 'http',
} as const satisfies Docker.DockerOptions

/** Makes ready to speak to the daemon; connects with the first call. Throws where certificates cannot be read. */
export function openConnection(settings: DockerSettings, reach: BackendReach = createBackendReach(null)): Connection {
  const options = { ...nothingFromEnvironment, ...transport(settings, reach) }
  return { docker: new Docker(briefly(options)), close: () => options.agent.destroy() }
}

/**
 * The modem writes out its whole options for each request, for a log that nobody keeps: with all sockets of the agent, that
 * took more of the processor than the requests. The agent shows its name instead.
 */
function briefly(options: Options): Options {
  Object.defineProperty(options.agent, inspect.custom, { value: () => options.agent.constructor.name })
  return options
}

function transport(settings: DockerSettings, { lookup }: BackendReach): Options {
  const url = new URL(settings.dockerHost)
  switch (url.protocol) {
    case 'unix:':
      // Not kept alive: connecting is free here, and a kept one that the daemon's restart cut fails the next call.
      return { socketPath: decodeURIComponent(url.pathname), agent: new HttpAgent() }
    case 'ssh:':
      return { host: 'docker', port: 80, agent: openSshAgent(url, settings) }
    default: {
      const address = { host: url.hostname, port: Number(url.port) }
      const credentials = credentialsOf(settings)
      if (credentials === null) return { ...address, agent: new HttpAgent({ keepAlive: true, lookup }) }
      return { ...address, ...credentials, protocol: 'https', agent: new HttpsAgent({ keepAlive: true, lookup }) }
    }
  }
}

function credentialsOf({ certPath, caCertificate, clientCertificate, clientKey }: DockerSettings) {
  if (certPath !== undefined) {
    const read = (file: string) => readFileSync(join(certPath, file))
    return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') }
  }
  if (caCertificate === undefined || clientCertificate === undefined || clientKey === undefined) return null
  return { ca: caCertificate, cert: clientCertificate, key: clientKey }
}
