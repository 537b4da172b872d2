import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import type { DockerSettings } from './settings.ts'

/** The command line of one connection, as the docker client's: OpenSSH runs `docker system dial-stdio` over there. */
export function sshArguments(url: URL, settings: DockerSettings, knownHosts: string): string[] {
  const user = url.username === '' ? [] : ['-l', decodeURIComponent(url.username)]
  const port = url.port === '' ? [] : ['-p', url.port]
  const identity =
    settings.sshIdentityPath === undefined ? [] : ['-i', settings.sshIdentityPath, '-o', 'IdentitiesOnly=yes']
  const fixed = {
    BatchMode: 'yes',
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: knownHosts,
    GlobalKnownHostsFile: '/dev/null',
    HostKeyAlias: 'carrel-docker',
    UpdateHostKeys: 'no',
    ClearAllForwardings: 'yes',
    ConnectTimeout: `${Math.max(1, Math.ceil(settings.requestTimeoutMs / 1000))}`,
    ServerAliveInterval: '15',
  }
  const options = Object.entries(fixed).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  return [
    '-T',
    '-F',
    '/dev/null',
    ...options,
    ...identity,
    ...user,
    ...port,
    '--',
    url.hostname,
    'docker',
    'system',
    'dial-stdio',
  ]
}

/** An agent whose connections are ssh processes. The host must show the pinned key. `destroy` ends them all. */
export function openSshAgent(url: URL, settings: DockerSettings): Agent {
  return new SshAgent(url, settings)
}

class SshAgent extends Agent {
  readonly #arguments: string[]
  readonly #directory = mkdtempSync(join(tmpdir(), 'carrel-ssh-'))
  readonly #children = new Set<ChildProcessWithoutNullStreams>()

  constructor(url: URL, settings: DockerSettings) {
    super({ keepAlive: false })
    const knownHosts = join(this.#directory, 'known_hosts')
    writeFileSync(knownHosts, `carrel-docker ${settings.sshHostKey}\n`, { mode: 0o600 })
    this.#arguments = sshArguments(url, settings, knownHosts)
  }

  override createConnection(): Duplex {
    const child = spawn('ssh', this.#arguments, { stdio: 'pipe' })
    this.#children.add(child)
    child.once('close', () => this.#children.delete(child))
    return asSocket(child)
  }

  override destroy(): void {
    for (const child of this.#children) child.kill('SIGKILL')
    rmSync(this.#directory, { recursive: true, force: true })
    super.destroy()
  }
}

/** The process's input and output as one stream. It ends in an error with ssh's last words where ssh does. */
function asSocket(child: ChildProcessWithoutNullStreams): Duplex {
  let lastWords = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (lastWords = (lastWords + text).slice(-200)))
  const socket = new Duplex({
    read: () => void child.stdout.resume(),
    write: (chunk: Buffer, _encoding, done) => void child.stdin.write(chunk, done),
    final: (done) => void child.stdin.end(done),
    destroy(error, done) {
      child.kill('SIGKILL')
      done(error)
    },
  })
  child.stdin.on('error', (error) => socket.destroy(error))
  child.stdout.on('data', (chunk: Buffer) => {
    if (!socket.push(chunk)) child.stdout.pause()
  })
  child.once('error', ({ message }) => socket.destroy(new Error(`ssh cannot be run: ${message}`)))
  child.once('close', (code) => {
    if (code === 0) socket.push(null)
    else socket.destroy(new Error(`ssh ended: ${lastWords.trim()}`))
  })
  return socket
}
