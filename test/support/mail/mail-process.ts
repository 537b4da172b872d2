import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readMail } from './mail-server.ts'
import type { Caught } from './mail-server.ts'

export interface MailProcess {
  /** What was taken by all that ran, in order; also what no sender was told of. */
  caught(): Promise<readonly Caught[]>
  /** Begins to serve. Throws where it does not. */
  start(): Promise<void>
  /** Ends it as it stands, whatever it is doing. */
  kill(): Promise<void>
  close(): Promise<void>
}

/** A mail server as a process of its own at a port of loopback, that may be killed and started again. */
export function createMailProcess(port: number): MailProcess {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-mail-'))
  const file = join(folder, 'mails')
  const program = join(import.meta.dirname, 'mail-process-main.ts')
  let running: ChildProcess | null = null
  const kill = async () => {
    const ending = running
    running = null
    if (ending === null || ending.exitCode !== null) return
    const gone = once(ending, 'exit')
    ending.kill('SIGKILL')
    await gone
  }
  return {
    kill,
    async start() {
      const child = spawn(process.execPath, [program, String(port), file], { stdio: ['ignore', 'pipe', 'inherit'] })
      running = child
      const ended = once(child, 'exit').then(() => 'ended')
      const listening = once(child.stdout, 'data').then(() => 'listening')
      if ((await Promise.race([listening, ended])) === 'ended') throw new Error('The mail server did not begin.')
    },
    async caught() {
      let text = ''
      try {
        text = readFileSync(file, 'utf8')
      } catch {
        // Nothing came yet.
      }
      const whole = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
      return await Promise.all(
        whole.filter((line) => line !== '').map(async (line) => await readMail(Buffer.from(line, 'base64'))),
      )
    },
    async close() {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
