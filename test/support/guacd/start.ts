import { readdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startChild } from '../../../stack/child.ts'
import type { Child } from '../../../stack/child.ts'
import { freePort } from '../../../stack/ports.ts'
import { obtainGuacd } from './obtain.ts'

export interface Guacd {
  readonly host: string
  readonly port: number
  /** What it said last, for the report of a failure. */
  said(): string
  /** SIGKILL: every desktop through it breaks off. */
  kill(): Promise<void>
}

/** Longer than any test may take; whoever forgets to end it has not left it for ever. */
const lifetimeMs = 5 * 60_000

/** A real guacd on loopback, at a free port or at the one that is named. It ends with this process, at the latest. */
export async function startGuacd({ port }: { port?: number } = {}): Promise<Guacd> {
  const root = await obtainGuacd()
  const at = port ?? (await freePort())
  const lines: string[] = []
  const child = await startChild({
    name: 'guacd',
    command: join(root, 'usr/sbin/guacd'),
    args: ['-f', '-b', '127.0.0.1', '-l', String(at), '-L', 'info'],
    env: {
      ...process.env,
      LD_LIBRARY_PATH: (await libraries(root)).join(':'),
      FONTCONFIG_FILE: await fonts(root),
      HOME: root,
    },
    onLine: (line) => {
      lines.push(line)
      if (lines.length > 200) lines.shift()
    },
  })
  outlive(child)
  await answering(at, child, () => lines.join('\n'))
  return { host: '127.0.0.1', port: at, said: () => lines.join('\n'), kill: () => killWithChildren(child) }
}

/** A child of guacd ends with it, but not one that hangs. */
async function killWithChildren(guacd: Child): Promise<void> {
  const children = await childrenOf(guacd.pid)
  await guacd.kill()
  for (const pid of children) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended with its parent, as it should.
    }
  }
}

async function childrenOf(parent: number): Promise<number[]> {
  const found: number[] = []
  for (const name of await readdir('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
    // After the name in brackets, which may hold anything: the state, and the parent.
    if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent) found.push(pid)
  }
  return found
}

/** Kills it when its time is over, without holding this process up. */
export function outlive(child: Child, limitMs: number = lifetimeMs): void {
  const limit = setTimeout(() => void child.kill(), limitMs)
  limit.unref()
  void child.ended.then(() => clearTimeout(limit))
}

/** The fonts that came with it: a terminal is drawn by guacd, and the machine may have none. */
async function fonts(root: string): Promise<string> {
  const file = join(root, 'fonts.conf')
  await writeFile(
    file,
    `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>${root}/usr/share/fonts</dir><cachedir>${root}/fonts-cache</cachedir></fontconfig>`,
  )
  return file
}

export async function libraries(root: string): Promise<string[]> {
  const found: string[] = []
  for (const base of ['usr/lib', 'lib'])
    for (const name of await readdir(join(root, base)))
      if (name.endsWith('-linux-gnu')) found.push(join(root, base, name), join(root, base, name, 'pulseaudio'))
  return found
}

/** Waits until something listens there. @throws with what the process said */
export async function answering(port: number, child: Child, said: () => string, limitMs = 15_000): Promise<void> {
  const deadline = Date.now() + limitMs
  while (!(await accepts(port))) {
    if (!child.isRunning() || Date.now() > deadline) {
      await child.kill()
      throw new Error(`${child.name} does not listen on port ${port}:\n${said()}`)
    }
    await delay(50)
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    const answer = (yes: boolean) => {
      socket.destroy()
      resolve(yes)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
    socket.setTimeout(1_000, () => answer(false))
  })
}
