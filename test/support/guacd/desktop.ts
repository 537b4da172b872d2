import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startChild } from '../../../stack/child.ts'
import type { Child } from '../../../stack/child.ts'
import { freePort } from '../../../stack/ports.ts'
import { answering, outlive } from './start.ts'

export interface Desktop {
  readonly host: string
  readonly port: number
  readonly password: string
  /** What was typed into its terminal is written there, key by key. */
  readonly typed: string
  stop(): Promise<void>
}

const run = promisify(execFile)

/**
 * A desktop by TigerVNC on loopback, with a terminal over all of its screen that writes down what is typed. Needs Debian's
 * tigervnc-standalone-server, tigervnc-tools and xterm. @throws with their names where they are missing
 */
export async function startDesktop(password = 'kittens1'): Promise<Desktop> {
  await run('Xvnc', ['-version'], { timeout: 5_000 }).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw new Error('There is no desktop: apt-get install tigervnc-standalone-server tigervnc-tools xterm')
  })
  const directory = await mkdtemp(join(tmpdir(), 'carrel-desktop-'))
  const passwordFile = join(directory, 'password')
  await writeFile(passwordFile, await obscured(password), { mode: 0o600 })
  const port = await freePort()
  const lines: string[] = []
  let told: (display: string) => void = () => undefined
  const display = new Promise<string>((resolve) => (told = resolve))
  const server = await startChild({
    name: 'Xvnc',
    command: 'Xvnc',
    args: [
      ...['-displayfd', '1', '-rfbport', String(port), '-localhost', '-AlwaysShared', '-SecurityTypes', 'VncAuth'],
      ...['-PasswordFile', passwordFile, '-geometry', '800x600', '-depth', '24', '-nolisten', 'tcp'],
    ],
    onLine: (line) => {
      if (/^\d+$/.test(line)) told(line)
      lines.push(line)
    },
  })
  outlive(server)
  await answering(port, server, () => lines.join('\n'))
  const typed = join(directory, 'typed')
  const terminal = await startTerminal(await display, typed)
  return {
    host: '127.0.0.1',
    port,
    password,
    typed,
    stop: async () => {
      await terminal.kill()
      await server.kill()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function startTerminal(display: string, typed: string): Promise<Child> {
  const child = await startChild({
    name: 'xterm',
    command: 'xterm',
    args: [
      ...['-geometry', '132x46+0+0', '-bg', '#204060', '-fg', 'white', '-fa', 'Monospace', '-fs', '10'],
      ...['-e', 'sh', '-c', `echo the desk of a test; stty -icanon; exec tee ${typed} > /dev/null`],
    ],
    env: { ...process.env, DISPLAY: `:${display}`, LANG: 'C.UTF-8' },
  })
  outlive(child)
  return child
}

/** As VNC servers keep it. */
async function obscured(password: string): Promise<Buffer> {
  const tool = spawn('vncpasswd', ['-f'], { stdio: ['pipe', 'pipe', 'ignore'], timeout: 5_000 })
  tool.stdin.end(`${password}\n`)
  const parts: Buffer[] = []
  tool.stdout.on('data', (part: Buffer) => parts.push(part))
  await once(tool, 'close')
  return Buffer.concat(parts)
}
